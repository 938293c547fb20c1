// Softmax, log-probability and entropy by rows; see logprob_rows.h. The CPU's loops are here, CUDA's in
// cuda/logprob_rows.cu.
#include "native/kernels/logprob_rows.h"
#include <cmath>
#include <vector>
#include "native/kernels/dispatch.h"
#include "native/kernels/row_kernels.h"
#include "native/kernels/row_mass.h"
#ifdef MIRA_CUDA
#include "native/kernels/cuda/aten.h"
#include "native/kernels/cuda/logprob_rows.cuh"
#endif

namespace mira::kernels {
namespace {

using simd::Vec;

void check(const at::Tensor& rows_CV, const at::Tensor& targets_C) {
  require(rows_CV.dim() == 2 && rows_CV.is_contiguous() && rows_CV.scalar_type() == at::kFloat, "logprob_rows",
          "expected contiguous float32 rows [C,V]");
  require(targets_C.scalar_type() == at::kInt && targets_C.is_contiguous() && targets_C.numel() == rows_CV.size(0),
          "logprob_rows", "expected int32 targets [C]");
  require(targets_C.device() == rows_CV.device(), "logprob_rows", "expected rows and targets on one device");
}

// sum of z exp(z), z = (logit - peak) * scale: float64 across blocks, for a vocabulary of 262k would lose digits.
double weighted_sum(const float* row, int64_t V, double temperature_inverse) {
  const float peak = row_kernels().max(row, V), scale = static_cast<float>(temperature_inverse);
  double sum = 0;
  constexpr int64_t kBlock = 64 * simd::W;
  for (int64_t from = 0; from < V; from += kBlock) {
    Vec dot{};
    simd::for_lanes(std::min(kBlock, V - from), [&](int64_t i, auto n) {
      const Vec z = (simd::get(row + from + i, n) - peak) * scale;
      Vec e = simd::exp(z);
      e = e > 0.f ? e * z : e;
      if (n < simd::W)
        for (int64_t lane = n; lane < simd::W; ++lane) e[lane] = 0;
      dot += e;
    });
    sum += simd::sum(dot);
  }
  return sum;
}

void check_column(const at::Tensor& t, int64_t count, const at::Tensor& rows_CV) {
  require(t.scalar_type() == at::kFloat && t.is_contiguous() && t.numel() == count && t.device() == rows_CV.device(),
          "logprob_rows", "expected contiguous float32 results and gradients of one row each, on the rows' device");
}

// {peak, log mass} aside, what both forward passes compute of a row; `weights` holds exp((x - peak) scale) after.
RowMass row_forward(const float* row, int64_t V, int32_t target, double scale, float* weights, float* logprob, float* entropy) {
  const float logit = row[target];  // weights may be row
  const double weighted = entropy ? weighted_sum(row, V, scale) : 0;
  const RowMass of = row_mass(row, V, scale, weights);
  *logprob = row_logprob(logit, of, scale);
  if (entropy) *entropy = static_cast<float>(std::log(of.mass) - weighted / of.mass);
  return of;
}

}  // namespace

void softmax_logprob_(at::Tensor& logits_CV, const at::Tensor& targets_C, double temperature, at::Tensor logprob_C,
                      at::Tensor entropy_C) {
  check(logits_CV, targets_C);
  require(temperature > 0, "logprob_rows", "expected a positive temperature");
  const int64_t C = logits_CV.size(0), V = logits_CV.size(1);
  const double scale = 1.0 / temperature;
  check_column(logprob_C, C, logits_CV);
  if (entropy_C.defined()) check_column(entropy_C, C, logits_CV);
  if (on_cuda(logits_CV, "logprob_rows")) {
#ifdef MIRA_CUDA
    cuda::on_device_of(logits_CV, [&](cudaStream_t stream) {
      cuda::logprob_rows_forward(cuda::input<float>(logits_CV), cuda::input<int32_t>(targets_C), scale,
                                 cuda::output<float>(logprob_C), cuda::output<float>(entropy_C), nullptr,
                                 cuda::output<float>(logits_CV), C, V, stream);
    });
#endif
    return;
  }
  float *rows = logits_CV.data_ptr<float>(), *logprob = logprob_C.data_ptr<float>();
  float* entropy = entropy_C.defined() ? entropy_C.data_ptr<float>() : nullptr;
  const int32_t* targets = targets_C.const_data_ptr<int32_t>();
  at::parallel_for(0, C, grain(V), [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      float* row = rows + c * V;
      const RowMass of = row_forward(row, V, targets[c], scale, row, logprob + c, entropy ? entropy + c : nullptr);
      const float inverse = static_cast<float>(1.0 / of.mass);
      simd::for_lanes(V, [&](int64_t i, auto n) { simd::put(row + i, simd::get(row + i, n) * inverse, n); });
    }
  });
}

void logprob_backward_(at::Tensor& probs_CV, const at::Tensor& targets_C, double temperature, const at::Tensor& grad_C) {
  check(probs_CV, targets_C);
  const int64_t C = probs_CV.size(0), V = probs_CV.size(1);
  check_column(grad_C, C, probs_CV);
  if (on_cuda(probs_CV, "logprob_rows")) {
#ifdef MIRA_CUDA
    cuda::on_device_of(probs_CV, [&](cudaStream_t stream) {
      cuda::logprob_rows_backward(cuda::output<float>(probs_CV), cuda::input<int32_t>(targets_C), 1.0 / temperature,
                                  cuda::input<float>(grad_C), C, V, stream);
    });
#endif
    return;
  }
  float* rows = probs_CV.data_ptr<float>();
  const float* grad = grad_C.const_data_ptr<float>();
  const int32_t* targets = targets_C.const_data_ptr<int32_t>();
  at::parallel_for(0, C, grain(V), [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const float g = grad[c] / static_cast<float>(temperature);
      float* row = rows + c * V;
      simd::for_lanes(V, [&](int64_t i, auto n) { simd::put(row + i, simd::get(row + i, n) * -g, n); });
      row[targets[c]] += g;
    }
  });
}

void logprob_rows(const at::Tensor& logits_CV, const at::Tensor& targets_C, double temperature, at::Tensor logprob_C,
                  at::Tensor entropy_C, at::Tensor stats_C2) {
  check(logits_CV, targets_C);
  require(temperature > 0, "logprob_rows", "expected a positive temperature");
  const int64_t C = logits_CV.size(0), V = logits_CV.size(1);
  const double scale = 1.0 / temperature;
  check_column(logprob_C, C, logits_CV);
  if (entropy_C.defined()) check_column(entropy_C, C, logits_CV);
  if (stats_C2.defined()) check_column(stats_C2, 2 * C, logits_CV);
  if (on_cuda(logits_CV, "logprob_rows")) {
#ifdef MIRA_CUDA
    cuda::on_device_of(logits_CV, [&](cudaStream_t stream) {
      cuda::logprob_rows_forward(cuda::input<float>(logits_CV), cuda::input<int32_t>(targets_C), scale,
                                 cuda::output<float>(logprob_C), cuda::output<float>(entropy_C),
                                 cuda::output<float>(stats_C2), nullptr, C, V, stream);
    });
#endif
    return;
  }
  const float* rows = logits_CV.const_data_ptr<float>();
  float *logprob = logprob_C.data_ptr<float>(), *entropy = entropy_C.defined() ? entropy_C.data_ptr<float>() : nullptr;
  float* stats = stats_C2.defined() ? stats_C2.data_ptr<float>() : nullptr;
  const int32_t* targets = targets_C.const_data_ptr<int32_t>();
  at::parallel_for(0, C, grain(V), [&](int64_t begin, int64_t end) {
    std::vector<float> weights(static_cast<size_t>(V));
    for (int64_t c = begin; c < end; ++c) {
      const RowMass of =
          row_forward(rows + c * V, V, targets[c], scale, weights.data(), logprob + c, entropy ? entropy + c : nullptr);
      if (!stats) continue;
      stats[2 * c] = of.peak;
      stats[2 * c + 1] = static_cast<float>(std::log(of.mass));
    }
  });
}

at::Tensor logprob_gradient_(at::Tensor& logits_CV, const at::Tensor& targets_C, double temperature,
                             const at::Tensor& stats_C2, const at::Tensor& grad_C, at::ScalarType dtype) {
  check(logits_CV, targets_C);
  require(temperature > 0, "logprob_rows", "expected a positive temperature");
  require(dtype == at::kFloat || dtype == at::kBFloat16, "logprob_rows", "expected float32 or bfloat16 gradients");
  const int64_t C = logits_CV.size(0), V = logits_CV.size(1);
  check_column(stats_C2, 2 * C, logits_CV);
  check_column(grad_C, C, logits_CV);
  const bool narrow = dtype == at::kBFloat16;
  const at::Tensor result = narrow ? logits_CV.view(at::kBFloat16).narrow(1, 0, V) : logits_CV;
  if (on_cuda(logits_CV, "logprob_rows")) {
#ifdef MIRA_CUDA
    cuda::on_device_of(logits_CV, [&](cudaStream_t stream) {
      cuda::logprob_rows_gradient(cuda::output<float>(logits_CV), cuda::input<int32_t>(targets_C), 1.0 / temperature,
                                  cuda::input<float>(stats_C2), cuda::input<float>(grad_C), narrow, C, V, stream);
    });
#endif
    return result;
  }
  const float scale = static_cast<float>(1.0 / temperature);
  float* rows = logits_CV.data_ptr<float>();
  const float *stats = stats_C2.const_data_ptr<float>(), *grad = grad_C.const_data_ptr<float>();
  const int32_t* targets = targets_C.const_data_ptr<int32_t>();
  at::parallel_for(0, C, grain(V), [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      float* row = rows + c * V;
      const float g = grad[c] * scale, peak = stats[2 * c], log_mass = stats[2 * c + 1];
      simd::for_lanes(V, [&](int64_t i, auto n) {
        simd::put(row + i, simd::exp((simd::get(row + i, n) - peak) * scale - log_mass) * -g, n);
      });
      row[targets[c]] += g;
      if (!narrow) continue;
      // Lanes of bfloat16 end before the floats that are read next.
      c10::BFloat16* half = reinterpret_cast<c10::BFloat16*>(row);
      simd::for_lanes(V, [&](int64_t i, auto n) { simd::put(half + i, simd::get(row + i, n), n); });
    }
  });
  return result;
}

}  // namespace mira::kernels
