// Checks made once at load, before anything else of LibTorch or of core is called.
#pragma once
#include <napi.h>

namespace mira::binding {

// Throws E_LIBTORCH_MIXED when the mapped libraries are of another release than the headers compiled against.
void check_libtorch(Napi::Env env);
// Throws E_CPU_UNSUPPORTED when core was compiled for instructions that this CPU lacks.
void check_cpu(Napi::Env env);

}  // namespace mira::binding
