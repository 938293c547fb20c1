// That the emulator itself would notice: a missing barrier, a barrier not all reach, a wrong shuffle mask; and that
// shuffles and ballots are what CUDA says. A check that cannot fail proves nothing.
#include "native/kernels/cuda/device.cuh"
#include "test/native/cuda-emulation/check.h"

namespace test {
namespace {

namespace cuda = mira::kernels::cuda;

void neighbour(float* out, bool barrier) {
  __shared__ float values[64];
  values[threadIdx.x] = 0.f;
  __syncthreads();
  values[threadIdx.x] = static_cast<float>(threadIdx.x);
  if (barrier) __syncthreads();
  out[threadIdx.x] = values[(threadIdx.x + 1) % 64];
}
void half_barrier(float* out) {
  if (threadIdx.x < 16) __syncthreads();
  out[threadIdx.x] = 1.f;
}
void wrong_mask(float* out) { out[threadIdx.x] = __shfl_sync(0xffffu, 1.f, 0); }
void warp_tools(float* out) {
  const unsigned lane = threadIdx.x % 32;
  const float x = static_cast<float>(threadIdx.x);
  const bool right = __shfl_xor_sync(cuda::kAllLanes, x, 1) == static_cast<float>(threadIdx.x ^ 1) &&
                     __shfl_up_sync(cuda::kAllLanes, x, 2) == (lane < 2 ? x : x - 2) &&
                     __shfl_down_sync(cuda::kAllLanes, x, 3) == (lane > 28 ? x : x + 3) &&
                     __shfl_sync(cuda::kAllLanes, x, 7) == x - static_cast<float>(lane) + 7 &&
                     __ballot_sync(cuda::kAllLanes, lane % 2 == 0) == 0x55555555u;
  out[threadIdx.x] = right ? 1.f : 0.f;
}
void sums(double* out, int) { out[threadIdx.x] = cuda::block_sum(static_cast<double>(threadIdx.x)); }

bool throws(void (*kernel)(float*)) {
  Buffer<float> out(32);
  try {
    cuda::launch(kernel, 1, 32, 0, nullptr, out.data());
  } catch (const std::runtime_error&) {
    return true;
  }
  return false;
}

void emulator() {
  const auto run = [](emulation::Order order, bool barrier) {
    emulation::set_order(order);
    Buffer<float> out(64);
    cuda::launch(neighbour, 1, 64, 0, nullptr, out.data(), barrier);
    emulation::set_order(emulation::Order::kForward);
    return out;
  };
  using emulation::Order;
  report("emulator", "a missing barrier shows when the order of threads changes",
         !run(Order::kForward, false).same_bits(run(Order::kReverse, false)));
  report("emulator", "a barrier hides the order", run(Order::kForward, true).same_bits(run(Order::kReverse, true)));
  report("emulator", "a barrier that half the block reaches is an error", throws(half_barrier));
  report("emulator", "a lane outside its mask is an error", throws(wrong_mask));
  Buffer<float> out(96);
  cuda::launch(warp_tools, 1, 96, 0, nullptr, out.data());
  report("emulator", "shuffles and ballots", std::all_of(out.data(), out.data() + 96, [](float x) { return x == 1.f; }));
  Buffer<double> total(256);
  cuda::launch(sums, 3, 256, 0, nullptr, total.data(), 0);
  report("emulator", "block_sum", std::all_of(total.data(), total.data() + 256, [](double x) { return x == 255 * 128; }));
}

const Registered registered{"emulator", emulator};

}  // namespace
}  // namespace test
