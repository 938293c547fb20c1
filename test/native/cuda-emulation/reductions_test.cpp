// Sums over columns and sums of squares against float64.
#include "native/kernels/cuda/column_sums.cuh"
#include "native/kernels/cuda/sum_of_squares.cuh"
#include "test/native/cuda-emulation/check.h"

namespace test {
namespace {

namespace cuda = mira::kernels::cuda;

template <class S>
void columns(int64_t R, int64_t C) {
  const std::string what = std::string(kName<S>) + " " + std::to_string(R) + "x" + std::to_string(C);
  const auto rows = random<float>(R * C, 1);
  std::vector<double> expected(static_cast<size_t>(C));
  for (int64_t r = 0; r < R; ++r)
    for (int64_t c = 0; c < C; ++c) expected[static_cast<size_t>(c)] += rows[r * C + c];
  const auto out = in_every_order("column_sums", what, [&] {
    std::vector<Buffer<S>> o(1, Buffer<S>(C));
    cuda::column_sums(rows.data(), R, C, o[0].data(), nullptr);
    return o;
  });
  report("column_sums", what, error(out[0].values(), expected), kTolerance<S>);
}

template <class S>
void squares(int64_t n, int64_t shift = 0) {
  const std::string what = std::string(kName<S>) + " " + std::to_string(n) + (shift ? " unaligned" : "");
  const auto x = random<S>(n, 2, 3, shift);
  double expected = 0;
  for (double v : x.values()) expected += v * v;
  const auto out = in_every_order("sum_of_squares", what, [&] {
    std::vector<Buffer<double>> o{Buffer<double>(cuda::squares_parts(n)), Buffer<double>(1)};
    cuda::sum_of_squares(x.data(), n, o[0].data(), o[1].data(), nullptr);
    return o;
  });
  report("sum_of_squares", what, std::abs(out[1][0] - expected) / std::max(expected, 1e-30), 1e-12);
}

void reductions() {
  columns<float>(1, 1);
  columns<float>(33, 31);
  columns<Bf16>(512, 257);
  columns<float>(0, 40);
  for (const int64_t n : {0, 1, 7, 255, 16383, 16384, 16385, 50001}) {
    squares<float>(n);
    squares<Bf16>(n);
  }
  squares<Bf16>(1000, 1);
}

const Registered registered{"reductions", reductions};

}  // namespace
}  // namespace test
