// The optimizer kernels: float32 AdamW and the sum of squares against float64; the three compact states on a
// GPU bit for bit against the CPU's, and on the CPU against float64 within bfloat16's rounding.
#include "bench/gpu/kernels/check.h"
#include "native/kernels/adamw.h"
#include "native/kernels/adamw_int8.h"
#include "native/kernels/adamw_split.h"
#include "native/kernels/adamw_stochastic.h"

namespace mira::check {
namespace {

constexpr int64_t kCount = 256 * 37 + 13;  // no multiple of a block or of a vector load
const kernels::AdamWScalars kScalars{3e-3, 0.9, 0.95, 1e-8, 0.1, 0.7, 5};
const kernels::RoundingKey kKey{77, 3, 5};

struct Problem {
  at::Tensor p = normal({kCount}, 31), m = 0.1 * normal({kCount}, 32),
             v = (0.1 * normal({kCount}, 33)).square(), g = normal({kCount}, 34);
};

// p, m, v after one step in float64.
Tensors adamw_reference(const Tensors& in) {
  const auto& s = kScalars;
  const at::Tensor g = in[3] * s.grad_scale, m = s.beta1 * in[1] + (1 - s.beta1) * g,
                   v = s.beta2 * in[2] + (1 - s.beta2) * g * g;
  const at::Tensor mhat = m / (1 - std::pow(s.beta1, s.step)), vhat = v / (1 - std::pow(s.beta2, s.step));
  return {in[0] * (1 - s.lr * s.weight_decay) - s.lr * mhat / (vhat.sqrt() + s.eps), m, v};
}

// One state kind: `step` advances fresh copies on a device and returns everything it wrote, the weights
// first.
using Step = std::function<Tensors(const at::Device&)>;

void check_state(const std::string& name, const Place& place, const Step& step) {
  attempt(name, [&] {
    const Tensors twin = step(at::kCPU);
    if (place.device.is_cpu()) {
      const Problem q;
      const auto rounded = [](const at::Tensor& t) { return t.to(at::kBFloat16).to(at::kDouble); };
      const Tensors want = adamw_reference({rounded(q.p), rounded(q.m), rounded(q.v), rounded(q.g)});
      const double error = relative_error(twin[0], want[0]);
      return report(name, error < 1e-2, {{"relativeError", error}, {"bound", 1e-2}});
    }
    const Tensors got = step(place.device);
    bool same = got.size() == twin.size();
    for (size_t i = 0; same && i < got.size(); ++i) same = same_bits(got[i], twin[i]);
    report(name + ", bits of the CPU", same, {{"relativeError", relative_error(got[0], twin[0])}});
  });
}

Tensors stochastic(const at::Device& device) {
  const Problem q;
  const auto there = [&](const at::Tensor& t) { return t.to(at::kBFloat16).to(device); };
  at::Tensor p = there(q.p), m = there(q.m), v = there(q.v);
  kernels::adamw_stochastic_(p, m, v, there(q.g), kScalars, kKey);
  return {p, m, v};
}

Tensors split(const at::Device& device) {
  const Problem q;
  const auto there = [&](const at::Tensor& t) { return t.to(at::kBFloat16).to(device); };
  at::Tensor p = there(q.p), m = there(q.m), v = there(q.v);
  at::Tensor low = at::zeros({kCount}, at::TensorOptions().dtype(at::kShort).device(device));
  kernels::adamw_split_(p, low, m, v, there(q.g), kScalars, kKey);
  return {p, low, m, v};
}

// From zero moments, whose codes are zero, two steps: the second decodes what the first wrote.
Tensors int8(const at::Device& device) {
  const Problem q;
  const auto there = [&](const at::Tensor& t) { return t.to(at::kBFloat16).to(device); };
  const auto empty = [&](int64_t n, at::ScalarType dtype) {
    return at::zeros({n}, at::TensorOptions().dtype(dtype).device(device));
  };
  const int64_t blocks = kernels::moment_blocks(kCount);
  at::Tensor p = there(q.p), m = empty(kCount, at::kChar), v = empty(kCount, at::kByte),
             ms = empty(blocks, at::kFloat), vs = empty(blocks, at::kFloat);
  for (uint32_t step : {1u, 2u}) {
    kernels::AdamWScalars scalars = kScalars;
    scalars.step = step;
    kernels::adamw_int8_(p, m, v, ms, vs, there(q.g), scalars, {kKey.seed, kKey.parameter, step});
  }
  return {p, m, v, ms, vs};
}

}  // namespace

void check_optimizers(const Place& place) {
  if (place.dtype != at::kFloat) return;
  const Problem q;
  compare("adamw", place, {q.p, q.m, q.v, q.g},
          [](const Tensors& in) {
            at::Tensor p = in[0].clone(), m = in[1].clone(), v = in[2].clone();
            kernels::adamw_(p, m, v, in[3], kScalars);
            return Tensors{p, m, v};
          },
          adamw_reference, {.backward = false});
  for (const int64_t count : {int64_t{1}, kCount, int64_t{3'000'001}})
    compare(
        "sum of squares of " + std::to_string(count), place, {normal({count}, 35)},
        [](const Tensors& in) {
          return Tensors{at::scalar_tensor(kernels::sum_of_squares(in[0]), at::kDouble)};
        },
        [](const Tensors& in) { return Tensors{in[0].square().sum()}; }, {.backward = false});
  check_state("adamw, stochastic state", place, stochastic);
  check_state("adamw, split state", place, split);
  if (place.device.is_cuda()) check_state("adamw, int8 state", place, int8);
}

}  // namespace mira::check
