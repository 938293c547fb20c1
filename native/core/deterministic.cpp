// The switches of LibTorch's global context; see deterministic.h.
#include "native/core/deterministic.h"
#include <ATen/Context.h>

namespace mira {
namespace {

// 2.11 takes one argument, later versions a second that also forbids split sums.
template <class Context>
void reduced_sums(Context& context, bool allowed) {
  if constexpr (requires { context.setAllowBF16ReductionCuBLAS(allowed, allowed); })
    context.setAllowBF16ReductionCuBLAS(allowed, allowed);
  else
    context.setAllowBF16ReductionCuBLAS(allowed);
}

}  // namespace

void set_deterministic(bool on) {
  at::Context& context = at::globalContext();
  context.setDeterministicAlgorithms(on, /*warn_only=*/false);
  context.setDeterministicFillUninitializedMemory(false);  // costs a pass over memory and changes no result
  context.setAllowTF32CuBLAS(false);
  reduced_sums(context, !on);
}

}  // namespace mira
