// Options of loading, saving and exporting as JavaScript passes them; throws JS errors naming the field.
#pragma once
#include <napi.h>
#include <memory>
#include <string>
#include "native/core/checkpoint.h"

namespace mira::binding {

// {files, prefix, ignore}
WeightFiles weight_files_argument(Napi::Object options, const std::string& name);
// {prefix, maxShardBytes, dtype?, carried}
SaveOptions save_argument(Napi::Value value, const std::string& name);
// {adapters?, heads?, prefix?, scale?} or undefined
AdapterOptions adapter_argument(Napi::Value value, const std::string& name);
// "float32" or "bfloat16"
at::ScalarType weights_dtype(Napi::Value value, const char* name);

// The counters behind a LoadProgress object; null for undefined. Throws Napi::TypeError for anything else.
std::shared_ptr<LoadProgress> progress_argument(Napi::Value value, const std::string& name);

}  // namespace mira::binding
