/** Which device a run computes on, from what is configured and what the addon sees. */
import type { Device } from '../native/model.ts'
import type { NativeInfo } from '../native/types.ts'

/** auto: the first CUDA device that the addon can use, else the CPU. Anything else is taken at its word. */
export function resolveDevice(setting: string, info: Pick<NativeInfo, 'cuda'>): Device {
  if (setting === 'auto') return info.cuda.available ? 'cuda:0' : 'cpu'
  // The schema admits nothing else.
  return setting === 'cuda' ? 'cuda:0' : (setting as Device)
}
