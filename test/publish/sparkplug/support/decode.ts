/**
 * A decoder of Sparkplug B payloads for the tests, written from the schema in the specification (Sparkplug 3.0 §6.4.1) and
 * the encoding of protocol buffers (protobuf.dev/programming-guides/encoding). It shares nothing with src/.
 */

export interface DecodedPayload {
  readonly timestamp: number | null;
  readonly seq: number | null;
  readonly metrics: readonly DecodedMetric[];
  /** Field numbers that the schema does not have. */
  readonly unknown: readonly number[];
}

export interface DecodedMetric {
  readonly name: string | null;
  readonly alias: number | null;
  readonly timestamp: number | null;
  readonly datatype: number | null;
  readonly isHistorical: boolean;
  readonly isNull: boolean;
  readonly properties: DecodedProperties | null;
  /** The field of the oneof that is set, and what is in it; null: none is. */
  readonly field: ValueField | null;
  readonly value: number | bigint | boolean | string | DecodedDataSet | null;
}

export interface DecodedProperties {
  readonly keys: readonly string[];
  readonly values: readonly {
    readonly type: number | null;
    readonly field: ValueField | null;
    readonly value: unknown;
  }[];
}

export interface DecodedDataSet {
  readonly numOfColumns: number | null;
  readonly columns: readonly string[];
  readonly types: readonly number[];
  readonly rows: readonly (readonly { readonly field: ValueField | null; readonly value: unknown }[])[];
}

export type ValueField = 'int' | 'long' | 'float' | 'double' | 'boolean' | 'string' | 'bytes' | 'dataset' | 'template';

interface Field {
  readonly number: number;
  readonly wireType: number;
  /** Of wire type 0. */
  readonly varint: bigint;
  /** Of wire types 1, 2 and 5. */
  readonly bytes: Buffer;
}

export function decodePayload(bytes: Buffer): DecodedPayload {
  const fields = fieldsOf(bytes);
  return {
    timestamp: optionalNumber(fields, 1),
    metrics: fields.filter(({ number }) => number === 2).map(({ bytes }) => decodeMetric(bytes)),
    seq: optionalNumber(fields, 3),
    unknown: fields.map(({ number }) => number).filter((number) => number > 5),
  };
}

const METRIC_VALUES: Readonly<Record<number, ValueField>> = {
  10: 'int',
  11: 'long',
  12: 'float',
  13: 'double',
  14: 'boolean',
  15: 'string',
  16: 'bytes',
  17: 'dataset',
  18: 'template',
};

function decodeMetric(bytes: Buffer): DecodedMetric {
  const fields = fieldsOf(bytes);
  const properties = fields.find(({ number }) => number === 9);
  return {
    name: optionalText(fields, 1),
    alias: optionalNumber(fields, 2),
    timestamp: optionalNumber(fields, 3),
    datatype: optionalNumber(fields, 4),
    isHistorical: optionalNumber(fields, 5) === 1,
    isNull: optionalNumber(fields, 7) === 1,
    properties: properties ? decodeProperties(properties.bytes) : null,
    ...decodeValue(fields, METRIC_VALUES),
  };
}

function decodeValue(fields: readonly Field[], kinds: Readonly<Record<number, ValueField>>) {
  const present = fields.filter(({ number }) => number in kinds);
  if (present.length > 1) throw new Error('two values in one oneof');
  const [field] = present;
  if (!field) return { field: null, value: null };
  const kind = kinds[field.number] as ValueField;
  const wireType = { int: 0, long: 0, boolean: 0, float: 5, double: 1, string: 2, bytes: 2, dataset: 2, template: 2 }[
    kind
  ];
  if (field.wireType !== wireType) throw new Error(`a ${kind} with the wire type ${field.wireType}`);
  return { field: kind, value: readValue(kind, field) };
}

function readValue(kind: ValueField, { varint, bytes }: Field) {
  switch (kind) {
    case 'int':
      if (varint > 0xffff_ffffn) throw new Error('an int_value of more than 32 bits');
      return Number(varint);
    case 'long':
      return varint;
    case 'boolean':
      return varint === 1n;
    case 'float':
      return bytes.readFloatLE();
    case 'double':
      return bytes.readDoubleLE();
    case 'string':
      return utf8(bytes);
    case 'dataset':
      return decodeDataSet(bytes);
    default:
      throw new Error(`no ${kind} is expected`);
  }
}

function decodeProperties(bytes: Buffer): DecodedProperties {
  const fields = fieldsOf(bytes);
  const kinds = { 3: 'int', 4: 'long', 5: 'float', 6: 'double', 7: 'boolean', 8: 'string' } as const;
  return {
    keys: fields.filter(({ number }) => number === 1).map(({ bytes }) => utf8(bytes)),
    values: fields
      .filter(({ number }) => number === 2)
      .map(({ bytes }) => {
        const inner = fieldsOf(bytes);
        return { type: optionalNumber(inner, 1), ...decodeValue(inner, kinds) };
      }),
  };
}

function decodeDataSet(bytes: Buffer): DecodedDataSet {
  const fields = fieldsOf(bytes);
  const kinds = { 1: 'int', 2: 'long', 3: 'float', 4: 'double', 5: 'boolean', 6: 'string' } as const;
  return {
    numOfColumns: optionalNumber(fields, 1),
    columns: fields.filter(({ number }) => number === 2).map(({ bytes }) => utf8(bytes)),
    // A decoder has to take repeated numbers packed and unpacked.
    types: fields
      .filter(({ number }) => number === 3)
      .flatMap((field) => (field.wireType === 2 ? varintsOf(field.bytes) : [Number(field.varint)])),
    rows: fields
      .filter(({ number }) => number === 4)
      .map(({ bytes }) => fieldsOf(bytes).map((element) => decodeValue(fieldsOf(element.bytes), kinds))),
  };
}

function fieldsOf(bytes: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 63n) throw new Error('a varint that does not end');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number) => {
    if (at + length > bytes.length) throw new Error('a field that is longer than the message');
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const wireType = key & 7;
    const empty = Buffer.alloc(0);
    const number = key >>> 3;
    if (wireType === 0) fields.push({ number, wireType, varint: varint(), bytes: empty });
    else if (wireType === 1) fields.push({ number, wireType, varint: 0n, bytes: take(8) });
    else if (wireType === 2) fields.push({ number, wireType, varint: 0n, bytes: take(Number(varint())) });
    else if (wireType === 5) fields.push({ number, wireType, varint: 0n, bytes: take(4) });
    else throw new Error(`the wire type ${wireType}`);
  }
  return fields;
}

function varintsOf(bytes: Buffer): number[] {
  const numbers: number[] = [];
  let value = 0;
  let shift = 0;
  for (const byte of bytes) {
    value += (byte & 0x7f) * 2 ** shift;
    shift += 7;
    if (byte < 0x80) {
      numbers.push(value);
      value = 0;
      shift = 0;
    }
  }
  return numbers;
}

function optionalNumber(fields: readonly Field[], number: number): number | null {
  const field = fields.findLast((candidate) => candidate.number === number);
  if (!field) return null;
  if (field.wireType !== 0) throw new Error(`field ${number} is no varint`);
  return Number(field.varint);
}

function optionalText(fields: readonly Field[], number: number): string | null {
  const field = fields.findLast((candidate) => candidate.number === number);
  return field ? utf8(field.bytes) : null;
}

/** Throws for what is not UTF-8. */
function utf8(bytes: Buffer): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

/** What a host writes with an NCMD or DCMD, as bytes. */
export function encodeCommand(
  timestamp: number,
  metrics: readonly { readonly name?: string; readonly alias?: number; readonly value: boolean | number | string }[],
): Buffer {
  return Buffer.concat([varintField(1, timestamp), ...metrics.map((metric) => bytesField(2, commandMetric(metric)))]);
}

function commandMetric({
  name,
  alias,
  value,
}: {
  name?: string;
  alias?: number;
  value: boolean | number | string;
}): Buffer {
  const double = Buffer.alloc(9);
  double[0] = (13 << 3) | 1;
  if (typeof value === 'number') double.writeDoubleLE(value, 1);
  return Buffer.concat([
    ...(name === undefined ? [] : [bytesField(1, Buffer.from(name))]),
    ...(alias === undefined ? [] : [varintField(2, alias)]),
    typeof value === 'boolean'
      ? varintField(14, value ? 1 : 0)
      : typeof value === 'number'
        ? double
        : bytesField(15, Buffer.from(value)),
  ]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = BigInt(value);
  do {
    bytes.push(Number(left & 0x7fn) | (left > 0x7fn ? 0x80 : 0));
    left >>= 7n;
  } while (left > 0n);
  return Buffer.from(bytes);
}

function varintField(number: number, value: number): Buffer {
  return Buffer.concat([varint(number << 3), varint(value)]);
}

function bytesField(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}
