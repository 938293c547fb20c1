// Index arithmetic of key rows, on the tensors' own device and without waiting for it; see exact_keys.h.
#include "native/core/exact_keys.h"

namespace mira {

kernels::KeyRows key_rows(const at::Tensor& offsets_B1, int64_t T, const SlotKeys& keys, int64_t window) {
  const int64_t B = offsets_B1.numel() - 1;
  const at::Tensor t_T = at::arange(T, offsets_B1.options());
  // Sequence of each query; decoding has one query of each.
  const at::Tensor ends_B = offsets_B1.narrow(0, 1, B);
  const at::Tensor b_T = T == B ? t_T : at::searchsorted(ends_B, t_T, /*out_int32=*/true, /*right=*/true);
  const at::Tensor own_T = keys.used_B.index_select(0, b_T) - ends_B.index_select(0, b_T) + t_T;
  const at::Tensor first_T = window > 0 ? (own_T - (window - 1)).clamp_min(0) : at::zeros_like(own_T);
  return {keys.start_B1.index_select(0, b_T), first_T, own_T - first_T + 1, 0};
}

kernels::KeyRows ring_rows(const at::Tensor& pos_T, const SlotKeys& keys, int64_t capacity) {
  const int64_t T = pos_T.numel();
  return {keys.start_B1.narrow(0, 0, T).contiguous(), pos_T + 1 - keys.used_B, keys.used_B.contiguous(), capacity};
}

}  // namespace mira
