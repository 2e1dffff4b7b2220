/**
 * Reads a database of the outbox from end to end: `node check-database.js FILE MAP_BYTES`. LMDB takes what it reads for
 * sound, so a damaged file may end the process that reads it: let it be this one. Prints a `DatabaseReport` as JSON.
 */
import { open } from 'lmdb';
import { databaseOptions, STATE_KEY } from './database-file.js';
import { decodeRecord } from './record.js';

export interface DatabaseReport {
  readonly hasState: boolean;
  readonly records: number;
  /** Keys of records whose checksum does not fit. */
  readonly damaged: readonly number[];
}

const [file, mapBytes] = process.argv.slice(2);
const database = open<Buffer, number>({
  path: file as string,
  ...databaseOptions(Number(mapBytes)),
  readOnly: true,
});
const damaged: number[] = [];
let hasState = false;
let records = 0;
for (const { key, value } of database.getRange({})) {
  if (key === STATE_KEY) {
    hasState = JSON.parse(value.toString()).version === 1;
    continue;
  }
  records++;
  if (decodeRecord(value)?.length !== value.byteLength) damaged.push(key);
}
process.stdout.write(JSON.stringify({ hasState, records, damaged } satisfies DatabaseReport));
