// Whether a role's weights have changed since somebody derived something from them.
#pragma once
#include <cstdint>
#include "native/core/role.h"

namespace mira {

// Grows with every in-place change that ATen sees of what a forward pass reads (heads excepted). Writes through
// raw pointers must bump the tensor's version themselves, as the optimizer does.
int64_t weights_version(const Role&);

}  // namespace mira
