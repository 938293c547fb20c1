// The output side against float64: log-probability and entropy of full-vocabulary rows, their way back, and
// on a GPU the sampler against the CPU's, which draws with the same uniforms.
#include "bench/gpu/kernels/check.h"
#include "native/core/sampler.h"
#include "native/kernels/logprob_rows.h"
#include "native/kernels/sample_rows.h"

namespace mira::check {
namespace {

void check_logprob(const Place& place, int64_t rows, int64_t vocab, double temperature) {
  const at::Tensor logits = 3 * normal({rows, vocab}, 21);
  const at::Tensor targets = (at::arange(rows) * 7919 % vocab).to(at::kInt),
                   on_device = targets.to(place.device);
  const at::Tensor gradient = normal({rows}, 22).to(at::kFloat), index = targets.to(at::kLong).unsqueeze(1);
  compare(
      "logprob " + std::to_string(rows) + "x" + std::to_string(vocab) + " at temperature " +
          std::to_string(temperature).substr(0, 3),
      {place.device, at::kFloat}, {logits},
      [&](const Tensors& in) {
        at::Tensor rows_CV = in[0].clone();
        at::Tensor logprob = at::empty({rows}, rows_CV.options()), entropy = at::empty_like(logprob);
        kernels::softmax_logprob_(rows_CV, on_device, temperature, logprob, entropy);
        at::Tensor probs = rows_CV.clone();
        kernels::logprob_backward_(rows_CV, on_device, temperature, gradient.to(place.device));
        return Tensors{logprob, entropy, probs, rows_CV};
      },
      [&](const Tensors& in) {
        const at::Tensor logp = at::log_softmax(in[0] / temperature, -1), probs = logp.exp();
        const at::Tensor onehot = at::zeros_like(probs).scatter(1, index, 1.0);
        return Tensors{logp.gather(1, index).squeeze(1), -(probs * logp).sum(-1), probs,
                       gradient.to(at::kDouble).unsqueeze(1) / temperature * (onehot - probs)};
      },
      {.backward = false});
}

#ifdef MIRA_CUDA
// Every row must draw the CPU's token; a uniform within rounding of a boundary may fall to the neighbour, so
// one row in a thousand is let pass.
void check_sampler(const Place& place) {
  const int64_t rows = 256, vocab = 262208;
  const at::Tensor logits = (4 * normal({rows, vocab}, 23)).to(at::kFloat).contiguous();
  const at::Tensor row = at::arange(rows);
  const at::Tensor temperature =
      at::where(row % 4 == 0, at::zeros({rows}, at::kDouble), 0.5 + 0.01 * row.to(at::kDouble));
  const at::Tensor top_k =
      at::where(row % 3 == 0, at::full({rows}, 64, at::kLong), at::zeros({rows}, at::kLong)).to(at::kInt);
  const at::Tensor top_p =
      at::where(row % 5 == 0, at::full({rows}, 0.9, at::kDouble), at::ones({rows}, at::kDouble));
  const at::Tensor seed = row * 1000003, position = row * 17 + 3;
  const auto there = [&](const at::Tensor& t) { return t.to(place.device); };
  kernels::SampledRows out = kernels::empty_samples(rows, place.device);
  kernels::sample_rows(there(logits),
                       {there(temperature), there(top_k), there(top_p), there(seed), there(position)}, out);
  const at::Tensor ids = out.id_n.cpu(), logprobs = out.logprob_n.cpu(),
                   sampling = out.sampling_logprob_n.cpu();
  Sampler sampler;
  int64_t differing = 0;
  double worst = 0;
  for (int64_t i = 0; i < rows; ++i) {
    const SamplerSettings settings{temperature[i].item<double>(), top_k[i].item<int>(),
                                   top_p[i].item<double>(), static_cast<uint64_t>(seed[i].item<int64_t>())};
    const Sample want =
        sampler(logits[i].const_data_ptr<float>(), vocab, settings, position[i].item<int64_t>());
    if (want.id != ids[i].item<int32_t>()) {
      ++differing;
      continue;
    }
    worst = std::max({worst, std::abs(double{want.logprob} - logprobs[i].item<float>()),
                      std::abs(double{want.sampling_logprob} - sampling[i].item<float>())});
  }
  report("sampler beside the CPU's, 256 rows of 262208", differing <= rows / 1000 + 1 && worst < 1e-4,
         {{"rowsDiffering", static_cast<double>(differing)},
          {"largestLogprobDifference", worst},
          {"bound", 1e-4}});
}
#endif

}  // namespace

void check_head(const Place& place) {
  if (place.dtype != at::kFloat) return;
  check_logprob(place, 5, 262208, 1.0);
  check_logprob(place, 33, 257, 0.7);
#ifdef MIRA_CUDA
  if (place.device.is_cuda()) attempt("sampler beside the CPU's", [&] { check_sampler(place); });
#endif
}

}  // namespace mira::check
