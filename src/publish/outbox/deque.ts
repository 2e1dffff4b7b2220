/** A queue with two ends on one array: both ends cost constant time (amortised). */
export class Deque<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  at(index: number): T | undefined {
    return this.#items[this.#head + index];
  }

  first(): T | undefined {
    return this.#items[this.#head];
  }

  last(): T | undefined {
    return this.length === 0 ? undefined : this.#items[this.#items.length - 1];
  }

  /** The index of the first item for which `isAfter` holds; the items must be sorted by it: false first, true last. */
  firstIndex(isAfter: (item: T) => boolean): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isAfter(this.at(middle) as T)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head++;
    // Moving what is left costs less than what was taken since the last time it was moved.
    if (this.#head >= 64 && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  unshift(item: T): void {
    if (this.#head > 0) this.#items[--this.#head] = item;
    else this.#items.unshift(item);
  }

  /** Puts `item` in the place of `count` items, 1 at least. What stands before them is moved, so the front is cheap. */
  replace(index: number, count: number, item: T): void {
    const last = this.#head + index + count - 1;
    this.#items[last] = item;
    if (count > 1) {
      this.#items.copyWithin(this.#head + count - 1, this.#head, this.#head + index);
      this.#items.fill(undefined, this.#head, this.#head + count - 1);
      this.#head += count - 1;
    }
  }
}
