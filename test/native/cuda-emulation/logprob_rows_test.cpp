// Kernels over rows of logits against float64: log-probability, entropy, softmax, and the gradient by its three ways.
#include "native/kernels/cuda/logprob_rows.cuh"
#include "test/native/cuda-emulation/check.h"

namespace test {
namespace {

namespace cuda = mira::kernels::cuda;

void one(int64_t C, int64_t V, double temperature, int64_t shift = 0) {
  const std::string what = std::to_string(C) + "x" + std::to_string(V) + " T=" + std::to_string(temperature).substr(0, 4) + (shift ? " unaligned" : "");
  const double scale = 1 / temperature;
  auto logits = random<float>(C * V, 1, 4, shift);
  for (int64_t c = 0; c < C; ++c) logits[c * V + (c * 7919) % V] += 12.f;  // a likely token, as models have
  Buffer<int32_t> targets(C);
  Buffer<float> grad = random<float>(C, 2);
  for (int64_t c = 0; c < C; ++c) targets[c] = static_cast<int32_t>(c % 2 ? V - 1 : (c * 7919) % V);
  std::vector<double> logprob64, entropy64, probs64, gradient64;
  for (int64_t c = 0; c < C; ++c) {
    double peak = -INFINITY, mass = 0, weighted = 0;
    for (int64_t i = 0; i < V; ++i) peak = std::max(peak, static_cast<double>(logits[c * V + i]));
    for (int64_t i = 0; i < V; ++i) {
      const double z = (logits[c * V + i] - peak) * scale;
      mass += std::exp(z);
      weighted += z * std::exp(z);
    }
    logprob64.push_back((logits[c * V + targets[c]] - peak) * scale - std::log(mass));
    entropy64.push_back(std::log(mass) - weighted / mass);
    for (int64_t i = 0; i < V; ++i) {
      const double p = std::exp((logits[c * V + i] - peak) * scale) / mass;
      probs64.push_back(p);
      gradient64.push_back(grad[c] * scale * ((i == targets[c] ? 1 : 0) - p));
    }
  }

  const auto out = in_every_order("logprob_rows_forward", what, [&] {
    std::vector<Buffer<float>> o{Buffer<float>(C), Buffer<float>(C), Buffer<float>(2 * C), Buffer<float>(C * V, shift)};
    cuda::logprob_rows_forward(logits.data(), targets.data(), scale, o[0].data(), o[1].data(), o[2].data(), o[3].data(), C, V, nullptr);
    return o;
  });
  report("logprob_rows_forward", what + " logprob", error(out[0].values(), logprob64), 1e-6);
  report("logprob_rows_forward", what + " entropy", error(out[1].values(), entropy64), 1e-5);
  report("logprob_rows_forward", what + " probs", error(out[3].values(), probs64), 1e-5);
  Buffer<float> in_place(logits), alone(C);
  cuda::logprob_rows_forward(in_place.data(), targets.data(), scale, alone.data(), nullptr, nullptr, in_place.data(), C, V, nullptr);
  report("logprob_rows_forward", what + " in place, same bits", in_place.same_bits(out[3]) && alone.same_bits(out[0]));

  const auto from_probs = in_every_order("logprob_rows_backward", what, [&] {
    std::vector<Buffer<float>> o(1, out[3]);
    cuda::logprob_rows_backward(o[0].data(), targets.data(), scale, grad.data(), C, V, nullptr);
    return o;
  });
  report("logprob_rows_backward", what, error(from_probs[0].values(), gradient64), 1e-5);
  for (const bool bf16 : {false, true}) {
    const std::string as = what + (bf16 ? " bfloat16" : " float32");
    const auto from_logits = in_every_order("logprob_rows_gradient", as, [&] {
      std::vector<Buffer<float>> o(1, logits);
      cuda::logprob_rows_gradient(o[0].data(), targets.data(), scale, out[2].data(), grad.data(), bf16, C, V, nullptr);
      return o;
    });
    std::vector<double> found = from_logits[0].values();
    if (bf16)
      for (int64_t c = 0; c < C; ++c) {
        const Bf16* row = reinterpret_cast<const Bf16*>(from_logits[0].data() + c * V);
        for (int64_t i = 0; i < V; ++i) found[static_cast<size_t>(c * V + i)] = widen(row[i]);
      }
    report("logprob_rows_gradient", as, error(found, gradient64), bf16 ? 1e-2 : 1e-5);
  }
}

void logprob_rows() {
  for (const int64_t V : {1, 7, 31, 33, 255, 257, 4096, 8195, 16388}) one(3, V, 1);
  one(2, 262208, 0.7);
  one(2, 500, 1.7, 1);
  one(0, 64, 1);

  // Logits far apart neither overflow nor lose the peak; a NaN is not hidden.
  Buffer<float> logits(6), logprob(2);
  Buffer<int32_t> targets(2);
  logits[0] = -3e38f;
  logits[1] = 1e4f;
  logits[2] = -INFINITY;
  logits[3] = logits[4] = 0.f;
  logits[5] = NAN;
  targets[0] = 1;
  targets[1] = 0;
  cuda::logprob_rows_forward(logits.data(), targets.data(), 1, logprob.data(), nullptr, nullptr, nullptr, 2, 3, nullptr);
  report("logprob_rows_forward", "extremes", logprob[0] == 0.f && std::isnan(logprob[1]));
}

const Registered registered{"logprob_rows", logprob_rows};

}  // namespace
}  // namespace test
