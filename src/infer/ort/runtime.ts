import type { Pointer } from '../../native/pointer.js';
import { libraryPath, OrtApi } from './api.js';

const LOG_SEVERITY_ERROR = 3; // ORT_LOGGING_LEVEL_ERROR
const DEVICE_ALLOCATOR = 0; // OrtDeviceAllocator
const DEFAULT_MEMORY = 0; // OrtMemTypeDefault

/** A runtime that is loaded: its table, its one environment, its description of CPU memory and its allocator. */
export interface Runtime {
  readonly api: OrtApi;
  readonly environment: Pointer<'OrtEnv'>;
  readonly memory: Pointer<'OrtMemoryInfo'>;
  readonly allocator: Pointer<'OrtAllocator'>;
}

const runtimes = new Map<string, Runtime>();

/**
 * Loads ONNX Runtime once for each library path; the environment lives as long as the process.
 * @throws SideglanceError `SG_NATIVE_LIBRARY` when the library is missing, no ONNX Runtime, or too old
 */
export function loadRuntime(library?: string): Runtime {
  const path = libraryPath(library);
  const known = runtimes.get(path);
  if (known) return known;
  const api = OrtApi.load(path);
  const runtime = {
    api,
    environment: api.create<'OrtEnv'>('starting ONNX Runtime', 'CreateEnv', LOG_SEVERITY_ERROR, 'sideglance'),
    memory: api.create<'OrtMemoryInfo'>('describing memory', 'CreateCpuMemoryInfo', DEVICE_ALLOCATOR, DEFAULT_MEMORY),
    allocator: api.create<'OrtAllocator'>('finding the allocator', 'GetAllocatorWithDefaultOptions'),
  };
  runtimes.set(path, runtime);
  return runtime;
}

/** What `doctor` reports. `providers` are those compiled in; whether one works, only a run tells. */
export function runtimeFacts(library?: string): { path: string; version: string; providers: string[] } {
  const { api } = loadRuntime(library);
  return { path: api.library, version: api.version, providers: api.availableProviders() };
}
