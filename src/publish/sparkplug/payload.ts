import protobuf from 'protobufjs';
import { reasonOf } from '../../errors.js';

/**
 * The part of `sparkplug_b.proto` that sideglance writes and reads (Sparkplug 3.0 §6.4.1, with its field numbers). Not
 * here: templates, metadata, bytes, nested properties. Unknown fields of a command are passed over, as protobuf says.
 */
const SPARKPLUG_PROTO = `
syntax = "proto2";
package sparkplug;

message Payload {
  message DataSet {
    message DataSetValue {
      oneof value {
        uint32 int_value = 1;
        uint64 long_value = 2;
        float float_value = 3;
        double double_value = 4;
        bool boolean_value = 5;
        string string_value = 6;
      }
    }
    message Row {
      repeated DataSetValue elements = 1;
    }
    optional uint64 num_of_columns = 1;
    repeated string columns = 2;
    repeated uint32 types = 3;
    repeated Row rows = 4;
  }
  message PropertyValue {
    optional uint32 type = 1;
    optional bool is_null = 2;
    oneof value {
      uint32 int_value = 3;
      uint64 long_value = 4;
      float float_value = 5;
      double double_value = 6;
      bool boolean_value = 7;
      string string_value = 8;
    }
  }
  message PropertySet {
    repeated string keys = 1;
    repeated PropertyValue values = 2;
  }
  message Metric {
    optional string name = 1;
    optional uint64 alias = 2;
    optional uint64 timestamp = 3;
    optional uint32 datatype = 4;
    optional bool is_historical = 5;
    optional bool is_transient = 6;
    optional bool is_null = 7;
    optional PropertySet properties = 9;
    oneof value {
      uint32 int_value = 10;
      uint64 long_value = 11;
      float float_value = 12;
      double double_value = 13;
      bool boolean_value = 14;
      string string_value = 15;
      DataSet dataset_value = 17;
    }
  }
  optional uint64 timestamp = 1;
  repeated Metric metrics = 2;
  optional uint64 seq = 3;
}
`;

const Payload = protobuf.parse(SPARKPLUG_PROTO).root.lookupType('sparkplug.Payload');

/** §6.4.16, the data types that are used here. */
export const DATA_TYPES = {
  Int32: 3,
  Int64: 4,
  Double: 10,
  Boolean: 11,
  String: 12,
  DateTime: 13,
  DataSet: 16,
} as const;
export type DataType = keyof typeof DATA_TYPES;
export type BasicType = Exclude<DataType, 'DataSet'>;
export type BasicValue = number | boolean | string | null;

export interface Column {
  readonly name: string;
  readonly type: BasicType;
}

/** A table (§6.4.11); its columns belong to the definition of the metric. */
export type Rows = readonly (readonly BasicValue[])[];
export type MetricValue = BasicValue | Rows;

export interface Property {
  readonly type: BasicType;
  readonly value: BasicValue;
}

/** A metric as it is sent. What a message may not have is left out by whoever makes it. */
export interface Metric {
  readonly name?: string;
  readonly alias?: number;
  /** Milliseconds since 1970, UTC. */
  readonly timestamp: number;
  readonly type: DataType;
  /** Whether `type` is sent: in births only. */
  readonly isTyped: boolean;
  readonly isHistorical?: true;
  readonly value: MetricValue;
  /** Of a data set. */
  readonly columns?: readonly Column[];
  readonly properties?: Readonly<Record<string, Property>>;
}

/** A payload as bytes. `seq` null: an NDEATH, the one message without (tck-id-payloads-sequence-num-always-included). */
export function encodePayload(timestamp: number, metrics: readonly Metric[], seq: number | null): Uint8Array {
  return Payload.encode({ timestamp, metrics: metrics.map(wireMetric), ...(seq === null ? {} : { seq }) }).finish();
}

function wireMetric({
  name,
  alias,
  timestamp,
  type,
  isTyped,
  isHistorical,
  value,
  columns,
  properties,
}: Metric): object {
  return {
    ...(name === undefined ? {} : { name }),
    ...(alias === undefined ? {} : { alias }),
    timestamp,
    ...(isTyped ? { datatype: DATA_TYPES[type] } : {}),
    ...(isHistorical ? { isHistorical } : {}),
    ...(properties === undefined ? {} : { properties: wireProperties(properties) }),
    ...(value === null ? { isNull: true } : wireValue(type, value, columns ?? [])),
  };
}

function wireValue(type: DataType, value: Exclude<MetricValue, null>, columns: readonly Column[]): object {
  return type === 'DataSet' ? { datasetValue: wireDataSet(columns, value as Rows) } : basic(type, value as BasicValue);
}

function basic(type: BasicType, value: BasicValue): object {
  switch (type) {
    case 'Int32':
      // Signed numbers travel as the uint32 with the same bits (§6.4.16).
      return { intValue: Number(value) >>> 0 };
    case 'Int64':
    case 'DateTime':
      return { longValue: value };
    case 'Double':
      return { doubleValue: value };
    case 'Boolean':
      return { booleanValue: value };
    case 'String':
      return { stringValue: value };
  }
}

function wireDataSet(columns: readonly Column[], rows: Rows): object {
  return {
    numOfColumns: columns.length,
    columns: columns.map(({ name }) => name),
    types: columns.map(({ type }) => DATA_TYPES[type]),
    rows: rows.map((row) => ({
      // An element without a value is null.
      elements: columns.map(({ type }, at) => (row[at] === null ? {} : basic(type, row[at] as BasicValue))),
    })),
  };
}

function wireProperties(properties: Readonly<Record<string, Property>>): object {
  const entries = Object.entries(properties);
  return {
    keys: entries.map(([key]) => key),
    values: entries.map(([, { type, value }]) => ({ type: DATA_TYPES[type], ...basic(type, value) })),
  };
}

/** A metric that a host writes; what it may have beside these is of no use to us. */
export interface Written {
  readonly name: string | null;
  readonly alias: number | null;
  readonly value: number | boolean | string | null;
}

/**
 * The metrics of an NCMD or DCMD.
 * @returns the fault in words where the bytes are no payload
 */
export function decodeCommand(
  bytes: Uint8Array,
): { readonly metrics: readonly Written[] } | { readonly fault: string } {
  try {
    const { metrics = [] } = Payload.toObject(Payload.decode(bytes), { longs: Number }) as WireCommand;
    return { metrics: metrics.map(written) };
  } catch (thrown) {
    return { fault: reasonOf(thrown) };
  }
}

interface WireCommand {
  metrics?: {
    name?: string;
    alias?: number;
    isNull?: boolean;
    intValue?: number;
    longValue?: number;
    floatValue?: number;
    doubleValue?: number;
    booleanValue?: boolean;
    stringValue?: string;
  }[];
}

function written(wire: NonNullable<WireCommand['metrics']>[number]): Written {
  const { intValue, longValue, floatValue, doubleValue, booleanValue, stringValue } = wire;
  const value = intValue ?? longValue ?? floatValue ?? doubleValue ?? booleanValue ?? stringValue ?? null;
  return { name: wire.name ?? null, alias: wire.alias ?? null, value: wire.isNull === true ? null : value };
}
