// ATen's FlashAttention-2 under one signature for LibTorch 2.11 to 2.14: bfloat16 (or float16) on CUDA, grouped
// queries native, head_dim a multiple of 8 up to 256. Leaves out dropout and paged storage, which 2.11 lacks.
#pragma once
#include <ATen/ATen.h>
#include <optional>
#include <tuple>

namespace mira::kernels::cuda {

struct FlashShape {
  // int32 [B+1] on the device, both or neither: packed [total,H,D]; neither: dense [B,S,H,D].
  std::optional<at::Tensor> offsets_q, offsets_k;
  int64_t longest_q = 0, longest_k = 0;  // host constants: they fix the launch, so a graph keeps them
  bool causal = true;                    // aligned at the bottom right: the last query sees the last key
  int64_t window = 0;                    // keys a query sees, itself included; 0: all. With causal only
  double scale = 1;
  std::optional<at::Tensor> used_k;      // int32 [B]: the first keys of each sequence that count; packed only
};

struct FlashForward { at::Tensor out, lse, rng, unused; };  // lse float32: packed [H,total], dense [B,H,S]

namespace detail {
// No window is given as nothing: any window, even one that hides no key, rules out the split over keys that makes
// decoding fast.
inline std::optional<int64_t> left(const FlashShape& s) {
  return s.window > 0 ? std::optional<int64_t>(s.window - 1) : std::nullopt;
}
inline std::optional<int64_t> right(const FlashShape& s) {
  return s.window > 0 ? std::optional<int64_t>(0) : std::nullopt;
}
}  // namespace detail

// Arguments stop at seqused_k: 2.12 appends block_table and num_splits.
inline FlashForward flash_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const FlashShape& s) {
  auto [out, lse, rng, unused, debug] = at::_flash_attention_forward(
      q, k, v, s.offsets_q, s.offsets_k, s.longest_q, s.longest_k, /*dropout_p=*/0.0, s.causal,
      /*return_debug_mask=*/false, s.scale, detail::left(s), detail::right(s), s.used_k);
  return {out, lse, rng, unused};
}

inline std::tuple<at::Tensor, at::Tensor, at::Tensor> flash_backward(const at::Tensor& dout, const at::Tensor& q,
                                                                     const at::Tensor& k, const at::Tensor& v,
                                                                     const FlashForward& f, const FlashShape& s) {
  const at::Tensor none;
  return at::_flash_attention_backward(dout, q, k, v, f.out, f.lse, s.offsets_q.value_or(none),
                                       s.offsets_k.value_or(none), s.longest_q, s.longest_k, /*dropout_p=*/0.0,
                                       s.causal, f.rng, f.unused, s.scale, detail::left(s), detail::right(s));
}

}  // namespace mira::kernels::cuda
