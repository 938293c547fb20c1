// Hands rows of logits to the sampling kernel; see sample_rows.h.
#include "native/kernels/sample_rows.h"
#include "native/kernels/dispatch.h"
#ifdef MIRA_CUDA
#include "native/kernels/cuda/aten.h"
#include "native/kernels/cuda/sampler.cuh"
#endif

namespace mira::kernels {

void sample_rows(const at::Tensor& logits_nV, const SampleSettings& s, const SampledRows& out) {
  const char* name = "sample_rows";
  require(on_cuda(logits_nV, name), name, "expected logits on cuda; native/core/sampler.h draws on the CPU");
  require(logits_nV.dim() == 2 && logits_nV.is_contiguous() && logits_nV.scalar_type() == at::kFloat, name,
          "expected contiguous float32 logits [n,V]");
  const int64_t n = logits_nV.size(0);
  const auto column = [&](const at::Tensor& t, at::ScalarType dtype, const char* sentence) {
    require(t.scalar_type() == dtype && t.is_contiguous() && t.numel() == n && t.device() == logits_nV.device(), name, sentence);
  };
  column(s.temperature_n, at::kDouble, "expected float64 temperatures [n] on the logits' device");
  column(s.top_k_n, at::kInt, "expected int32 top_k [n] on the logits' device");
  column(s.top_p_n, at::kDouble, "expected float64 top_p [n] on the logits' device");
  column(s.seed_n, at::kLong, "expected int64 seeds [n] on the logits' device");
  column(s.position_n, at::kLong, "expected int64 positions [n] on the logits' device");
  column(out.id_n, at::kInt, "expected int32 ids [n] on the logits' device");
  column(out.logprob_n, at::kFloat, "expected float32 logprobs [n] on the logits' device");
  column(out.sampling_logprob_n, at::kFloat, "expected float32 sampling logprobs [n] on the logits' device");
#ifdef MIRA_CUDA
  cuda::on_device_of(logits_nV, [&](cudaStream_t stream) {
    cuda::sample(cuda::input<float>(logits_nV),
                 {cuda::input<double>(s.temperature_n), cuda::input<int32_t>(s.top_k_n), cuda::input<double>(s.top_p_n),
                  cuda::input<int64_t>(s.seed_n), cuda::input<int64_t>(s.position_n), cuda::output<int32_t>(out.id_n),
                  cuda::output<float>(out.logprob_n), cuda::output<float>(out.sampling_logprob_n)},
                 n, logits_nV.size(1), stream);
  });
#endif
}

SampledRows empty_samples(int64_t rows, at::Device device) {
  const auto options = at::TensorOptions().device(device);
  return {at::empty({rows}, options.dtype(at::kInt)), at::empty({rows}, options.dtype(at::kFloat)),
          at::empty({rows}, options.dtype(at::kFloat))};
}

}  // namespace mira::kernels
