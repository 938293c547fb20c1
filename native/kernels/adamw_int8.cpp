// CPU twin of AdamW with one-byte moments; see adamw_int8.h.
#include "native/kernels/adamw_int8.h"
#include "native/kernels/adamw_groups.h"
#ifdef MIRA_CUDA
#include "native/kernels/cuda/adamw.cuh"
#include "native/kernels/cuda/aten.h"
#endif

namespace mira::kernels {

void adamw_int8_(at::Tensor& p, at::Tensor& m, at::Tensor& v, at::Tensor& m_scale, at::Tensor& v_scale,
                 const at::Tensor& g, const AdamWScalars& scalars, const RoundingKey& key) {
  const char* name = "adamw_int8";
  const int64_t count = p.numel(), blocks = moment_blocks(count);
  check_adamw(p, at::kBFloat16, count, name, "expected a contiguous bfloat16 p");
  check_adamw(m, at::kChar, count, name, "expected a contiguous int8 m of p's size");
  check_adamw(v, at::kByte, count, name, "expected a contiguous uint8 v of p's size");
  for (const at::Tensor* t : {&m_scale, &v_scale})
    check_adamw(*t, at::kFloat, blocks, name, "expected contiguous float32 scales, one per 256 elements");
  check_adamw_gradient(g, p, name);
  const AdamWFactors f = adamw_factors(scalars);
  if (on_cuda(p, name)) {
#ifdef MIRA_CUDA
    dispatch(g.scalar_type(), name, [&](auto zero) {
      const auto* pg = cuda::input<decltype(zero)>(g);
      cuda::on_device_of(p, [&](cudaStream_t stream) {
        cuda::adamw_int8(bits_of(p), m.data_ptr<int8_t>(), v.data_ptr<uint8_t>(), m_scale.data_ptr<float>(),
                         v_scale.data_ptr<float>(), pg, count, f, key, stream);
      });
    });
#endif
    return;
  }
  uint16_t* pp = bits_of(p);
  int8_t* pm = m.data_ptr<int8_t>();
  uint8_t* pv = v.data_ptr<uint8_t>();
  float *pms = m_scale.data_ptr<float>(), *pvs = v_scale.data_ptr<float>();
  dispatch(g.scalar_type(), name, [&](auto zero) {
    const auto* pg = g.const_data_ptr<decltype(zero)>();
    at::parallel_for(0, blocks, 32, [&](int64_t begin, int64_t end) {
      float first[kMomentBlock], second[kMomentBlock];
      RoundingBits drawn[kMomentBlock / kRoundingGroup];
      for (int64_t b = begin; b < end; ++b) {
        const int64_t from = b * kMomentBlock, last = std::min(count, from + kMomentBlock);
        float top_first = 0.f, top_second = 0.f;
        over_groups(from, last, key, [&](int64_t i, const RoundingBits& bits, int e) {
          const int64_t j = i - from;
          if (e == 0) drawn[j / kRoundingGroup] = bits;
          float x = bf16_float(pp[i]);
          first[j] = decode_first(pm[i], pms[b]);
          second[j] = decode_second(pv[i], pvs[b]);
          adamw_element(x, first[j], second[j], static_cast<float>(pg[i]), f);
          pp[i] = stochastic_bf16(x, bits.weight(e));
          top_first = std::max(top_first, std::fabs(first[j]));
          top_second = std::max(top_second, second[j]);
        });
        pms[b] = top_first;
        pvs[b] = top_second;
        for (int64_t i = from; i < last; ++i) {
          const int64_t j = i - from, e = j % kRoundingGroup;
          const RoundingBits& bits = drawn[j / kRoundingGroup];
          pm[i] = encode_first(first[j], top_first, bits.first(static_cast<int>(e)));
          pv[i] = encode_second(second[j], top_second, bits.second(static_cast<int>(e)));
        }
      }
    });
  });
}

}  // namespace mira::kernels
