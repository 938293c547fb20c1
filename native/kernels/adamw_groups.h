// What the reduced-storage AdamW twins share on the CPU: the checks of their tensors and the walk over groups of
// 8 elements with their random bits. The arithmetic is in adamw_update.h, the storage in each kernel's file.
#pragma once
#include <algorithm>
#include "native/kernels/dispatch.h"
#include "native/kernels/stochastic_rounding.h"

namespace mira::kernels {

inline void check_adamw(const at::Tensor& t, at::ScalarType dtype, int64_t count, const char* kernel,
                        const char* sentence) {
  require(t.scalar_type() == dtype && t.is_contiguous() && t.numel() == count, kernel, sentence);
}

// A bfloat16 or int16 tensor as the bits it holds.
inline uint16_t* bits_of(at::Tensor& t) { return static_cast<uint16_t*>(t.data_ptr()); }

inline void check_adamw_gradient(const at::Tensor& g, const at::Tensor& p, const char* kernel) {
  require((g.scalar_type() == at::kFloat || g.scalar_type() == at::kBFloat16) && g.is_contiguous() &&
              g.numel() == p.numel() && g.device() == p.device(),
          kernel, "expected a contiguous float32 or bfloat16 gradient of the parameter's size and device");
  require(p.numel() < int64_t{1} << 35, kernel, "expected fewer than 2^35 elements in one tensor");
}

// f(element, bits, place in group) for every element of [first, last); `first` is a multiple of the group.
template <class F>
inline void over_groups(int64_t first, int64_t last, const RoundingKey& key, F&& f) {
  for (int64_t base = first; base < last; base += kRoundingGroup) {
    const RoundingBits bits = rounding_bits(key, static_cast<uint32_t>(base / kRoundingGroup));
    const int count = static_cast<int>(std::min(kRoundingGroup, last - base));
    for (int e = 0; e < count; ++e) f(base + e, bits, e);
  }
}

// The same over a whole tensor, groups shared out among threads.
template <class F>
inline void parallel_groups(int64_t count, const RoundingKey& key, F&& f) {
  constexpr int64_t kTask = 8192;
  at::parallel_for(0, (count + kTask - 1) / kTask, 1, [&](int64_t begin, int64_t end) {
    over_groups(begin * kTask, std::min(count, end * kTask), key, f);
  });
}

}  // namespace mira::kernels
