// GeGLU kernels against float64, forward and backward; backward in place.
#include "native/kernels/cuda/geglu.cuh"
#include "test/native/cuda-emulation/check.h"

namespace test {
namespace {

namespace cuda = mira::kernels::cuda;

template <class S>
void one(int64_t T, int64_t F, int64_t shift = 0) {
  const std::string what = std::string(kName<S>) + " " + std::to_string(T) + "x" + std::to_string(F) + (shift ? " unaligned" : "");
  const auto x = random<S>(T * 2 * F, 1, 3, shift), dy = random<S>(T * F, 2, 1, shift);
  std::vector<double> y64(static_cast<size_t>(T * F)), dx64(static_cast<size_t>(2 * T * F));
  for (int64_t t = 0; t < T; ++t)
    for (int64_t i = 0; i < F; ++i) {
      const double g = widen(x[t * 2 * F + i]), u = widen(x[t * 2 * F + F + i]), d = widen(dy[t * F + i]);
      const double root = std::sqrt(2 / M_PI), inner = std::tanh(root * (g + 0.044715 * g * g * g));
      const double gelu = 0.5 * g * (1 + inner);
      const double slope = 0.5 * (1 + inner) + 0.5 * g * (1 - inner * inner) * root * (1 + 3 * 0.044715 * g * g);
      y64[static_cast<size_t>(t * F + i)] = gelu * u;
      dx64[static_cast<size_t>(t * 2 * F + i)] = d * u * slope;
      dx64[static_cast<size_t>(t * 2 * F + F + i)] = d * gelu;
    }
  const auto forward = in_every_order("geglu_forward", what, [&] {
    std::vector<Buffer<S>> out(1, Buffer<S>(T * F, shift));
    cuda::geglu_forward(x.data(), out[0].data(), T, F, nullptr);
    return out;
  });
  report("geglu_forward", what, error(forward[0].values(), y64), kTolerance<S>);
  const auto backward = in_every_order("geglu_backward", what, [&] {
    std::vector<Buffer<S>> out(1, Buffer<S>(T * 2 * F, shift));
    cuda::geglu_backward(dy.data(), x.data(), out[0].data(), T, F, nullptr);
    return out;
  });
  report("geglu_backward", what, error(backward[0].values(), dx64), kTolerance<S>);
  Buffer<S> in_place(x);
  cuda::geglu_backward(dy.data(), in_place.data(), in_place.data(), T, F, nullptr);
  report("geglu_backward", what + " in place", in_place.same_bits(backward[0]));
}

void geglu() {
  for (const int64_t F : {1, 7, 31, 33, 255, 257, 2048}) {
    one<float>(3, F);
    one<Bf16>(3, F);
  }
  one<Bf16>(2, 15360);
  one<float>(2, 64, 1);
  one<Bf16>(2, 64, 1);
  one<float>(0, 64);

  // Far outside: saturated, never NaN.
  Buffer<float> x(4), y(2);
  x[0] = 60.f;
  x[1] = -60.f;
  x[2] = x[3] = 2.f;
  cuda::geglu_forward(x.data(), y.data(), 1, 2, nullptr);
  report("geglu_forward", "saturates", y[0] == 120.f && y[1] == 0.f);
}

const Registered registered{"geglu", geglu};

}  // namespace
}  // namespace test
