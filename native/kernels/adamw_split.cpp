// CPU twin of AdamW on a split master; see adamw_split.h.
#include "native/kernels/adamw_split.h"
#include "native/kernels/adamw_groups.h"
#ifdef MIRA_CUDA
#include "native/kernels/cuda/adamw.cuh"
#include "native/kernels/cuda/aten.h"
#endif

namespace mira::kernels {

void adamw_split_(at::Tensor& p, at::Tensor& low, at::Tensor& m, at::Tensor& v, const at::Tensor& g,
                  const AdamWScalars& scalars, const RoundingKey& key) {
  const char* name = "adamw_split";
  const int64_t count = p.numel();
  for (const at::Tensor* t : {&p, &m, &v})
    check_adamw(*t, at::kBFloat16, count, name, "expected contiguous bfloat16 p, m, v of one size");
  check_adamw(low, at::kShort, count, name, "expected a contiguous int16 low half of p's size");
  check_adamw_gradient(g, p, name);
  const AdamWFactors f = adamw_factors(scalars);
  if (on_cuda(p, name)) {
#ifdef MIRA_CUDA
    dispatch(g.scalar_type(), name, [&](auto zero) {
      const auto* pg = cuda::input<decltype(zero)>(g);
      cuda::on_device_of(p, [&](cudaStream_t stream) {
        cuda::adamw_split(bits_of(p), bits_of(low), bits_of(m), bits_of(v), pg, count, f, key, stream);
      });
    });
#endif
    return;
  }
  uint16_t *pp = bits_of(p), *pl = bits_of(low);
  uint16_t *pm = bits_of(m), *pv = bits_of(v);
  dispatch(g.scalar_type(), name, [&](auto zero) {
    const auto* pg = g.const_data_ptr<decltype(zero)>();
    parallel_groups(count, key, [=](int64_t i, const RoundingBits& bits, int e) {
      float x = join_float({pp[i], pl[i]});
      float first = bf16_float(pm[i]), second = bf16_float(pv[i]);
      adamw_element(x, first, second, static_cast<float>(pg[i]), f);
      const SplitFloat master = split_float(x);
      pp[i] = master.high;
      pl[i] = master.low;
      pm[i] = stochastic_bf16(first, bits.first(e));
      pv[i] = stochastic_bf16(second, bits.second(e));
    });
  });
}

}  // namespace mira::kernels
