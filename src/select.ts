import quickselect from 'quickselect';

/**
 * Rearranges values so that one of them lies where an ascending order would have it, with no larger one before it and no smaller
 * one behind it, and returns that one. None may be NaN.
 */
export function select(values: Float32Array, index: number): number {
  // It reads and swaps elements, and so takes any array of numbers.
  quickselect(values as unknown as number[], index);
  return values[index]!;
}
