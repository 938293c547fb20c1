// RMSNorm kernels against float64: alone, with a residual, as the seam, and backward, at awkward row lengths and
// alignments; and that a row's bits do not depend on its companions.
#include "native/kernels/cuda/column_sums.cuh"
#include "native/kernels/cuda/rms_norm.cuh"
#include "test/native/cuda-emulation/check.h"

namespace test {
namespace {

namespace cuda = mira::kernels::cuda;
constexpr double kEps = 1e-6;

double rstd64(const double* x, int64_t H) {
  double squares = 0;
  for (int64_t i = 0; i < H; ++i) squares += x[i] * x[i];
  return 1 / std::sqrt(squares / static_cast<double>(H) + kEps);
}

std::vector<double> norm64(const std::vector<double>& x, const std::vector<double>& w, const std::vector<double>& residual) {
  const auto H = static_cast<int64_t>(w.size());
  std::vector<double> y(x.size());
  for (size_t r = 0; r < x.size() / w.size(); ++r) {
    const double s = rstd64(&x[r * w.size()], H);
    for (size_t i = 0; i < w.size(); ++i) {
      const size_t at = r * w.size() + i;
      y[at] = x[at] * s * (1 + w[i]) + (residual.empty() ? 0 : residual[at]);
    }
  }
  return y;
}

template <class S>
void one(int64_t rows, int64_t H, int64_t shift) {
  const std::string what = std::string(kName<S>) + " " + std::to_string(rows) + "x" + std::to_string(H) +
                           (shift ? " unaligned" : "");
  const auto x = random<S>(rows * H, 1, 2, shift), residual = random<S>(rows * H, 2, 1, shift);
  const auto w = random<S>(H, 3, 0.3, shift), w2 = random<S>(H, 4, 0.3, shift), dy = random<S>(rows * H, 5, 1, shift);

  const auto forward = in_every_order("rms_norm_forward", what, [&] {
    std::vector<Buffer<S>> out(1, Buffer<S>(rows * H, shift));
    cuda::rms_norm_forward<S>(x.data(), w.data(), nullptr, out[0].data(), nullptr, rows, H, kEps, nullptr);
    return out;
  });
  report("rms_norm_forward", what, error(forward[0].values(), norm64(x.values(), w.values(), {})), kTolerance<S>);

  Buffer<float> rstd(rows);
  Buffer<S> sum(rows * H, shift);
  cuda::rms_norm_forward(x.data(), w.data(), residual.data(), sum.data(), rstd.data(), rows, H, static_cast<float>(kEps), nullptr);
  const auto expected_sum = norm64(x.values(), w.values(), residual.values());
  report("rms_norm_forward", what + " + residual", error(sum.values(), expected_sum), kTolerance<S>);

  const auto seam = in_every_order("add_rms_norm_forward", what, [&] {
    std::vector<Buffer<S>> out(2, Buffer<S>(rows * H, shift));
    cuda::add_rms_norm_forward<S>(residual.data(), x.data(), w.data(), w2.data(), out[0].data(), out[1].data(), nullptr,
                                  nullptr, rows, H, kEps, nullptr);
    return out;
  });
  report("add_rms_norm_forward", what + " h", seam[0].same_bits(sum));
  report("add_rms_norm_forward", what + " y", error(seam[1].values(), norm64(seam[0].values(), w2.values(), {})), kTolerance<S>);

  // dx = rstd (g - n mean(g n)) + extra, dw = sum dy n
  const auto xs = x.values(), ws = w.values(), ds = dy.values(), es = residual.values();
  std::vector<double> dx(xs.size()), dw(static_cast<size_t>(H));
  for (int64_t r = 0; r < rows; ++r) {
    const size_t at = static_cast<size_t>(r * H);
    const double s = rstd64(&xs[at], H);
    double inner = 0;
    for (size_t i = 0; i < ws.size(); ++i) {
      inner += ds[at + i] * (1 + ws[i]) * xs[at + i] * s;
      dw[i] += ds[at + i] * xs[at + i] * s;
    }
    for (size_t i = 0; i < ws.size(); ++i)
      dx[at + i] = s * (ds[at + i] * (1 + ws[i]) - xs[at + i] * s * inner / static_cast<double>(H)) + es[at + i];
  }
  const auto backward = in_every_order("rms_norm_backward", what, [&] {
    std::vector<Buffer<S>> out{Buffer<S>(rows * H, shift), Buffer<S>(H, shift)};
    Buffer<float> partial(cuda::gradient_parts(rows) * H);
    cuda::rms_norm_backward(dy.data(), x.data(), w.data(), rstd.data(), residual.data(), out[0].data(), partial.data(),
                            out[1].data(), rows, H, nullptr);
    return out;
  });
  report("rms_norm_backward", what + " dx", error(backward[0].values(), dx), kTolerance<S>);
  report("rms_norm_backward", what + " dw", error(backward[1].values(), dw), kTolerance<S>);
  Buffer<S> frozen(rows * H, shift);
  cuda::rms_norm_backward<S>(dy.data(), x.data(), w.data(), rstd.data(), residual.data(), frozen.data(), nullptr, nullptr,
                             rows, H, nullptr);
  report("rms_norm_backward", what + " without dw", frozen.same_bits(backward[0]));

  if (rows < 2) return;
  Buffer<S> alone(H, shift), last(H, shift);
  Buffer<S> row(H, shift);
  std::copy_n(x.data() + (rows - 1) * H, H, row.data());
  std::copy_n(forward[0].data() + (rows - 1) * H, H, last.data());
  cuda::rms_norm_forward<S>(row.data(), w.data(), nullptr, alone.data(), nullptr, 1, H, kEps, nullptr);
  report("rms_norm_forward", what + " last row alone, same bits", alone.same_bits(last));
}

void rms_norm() {
  for (const int64_t H : {1, 7, 31, 33, 255, 256, 257, 1152, 3840}) {
    one<float>(3, H, 0);
    one<Bf16>(3, H, 0);
  }
  one<float>(2, 256, 1);
  one<Bf16>(2, 256, 3);
  one<Bf16>(2, 5376, 0);
  one<float>(1100, 8, 0);  // several rows per block of the backward pass
  one<Bf16>(0, 64, 0);
}

const Registered registered{"rms_norm", rms_norm};

}  // namespace
}  // namespace test
