/** Repeatable arithmetic for a run: LibTorch's deterministic algorithms, and the workspace that cuBLAS wants for them. */
import { loadNative } from '../native/loader.ts'

/** To be called before the model is loaded: cuBLAS reads its setting at the first product. */
export async function setDeterministic(on: boolean): Promise<void> {
  if (on) process.env.CUBLAS_WORKSPACE_CONFIG ??= ':4096:8'
  await loadNative().setDeterministic(on)
}
