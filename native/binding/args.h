// Arguments from JavaScript: checked, named in the error, and copied where the engine thread will use them.
// One form of error: "NAME: expected X, got Y". TypeError for a wrong type, RangeError for a wrong number.
#pragma once
#include <ATen/ATen.h>
#include <napi.h>
#include <cstdint>
#include <string>
#include <vector>

namespace mira::binding {

// "number 3", "Float64Array of 12", "undefined", ...: how an error names what came.
std::string describe_value(Napi::Value value);
[[noreturn]] void throw_type_error(Napi::Env env, const std::string& name, const std::string& expected,
                                   Napi::Value got);
[[noreturn]] void throw_range_error(Napi::Env env, const std::string& message);

Napi::Object object_argument(Napi::Value value, const std::string& name);
Napi::Array array_argument(Napi::Value value, const std::string& name);
std::string string_argument(Napi::Value value, const std::string& name);
bool bool_argument(Napi::Value value, const std::string& name);
// Finite number.
double number_argument(Napi::Value value, const std::string& name);
// Integer within [low, high], exactly representable.
int64_t integer_argument(Napi::Value value, const std::string& name, int64_t low = 0,
                         int64_t high = int64_t{1} << 53);
// bigint within u64, or a non-negative safe integer.
uint64_t seed_argument(Napi::Value value, const std::string& name);
std::vector<std::string> strings_argument(Napi::Value value, const std::string& name);
std::vector<int64_t> shape_argument(Napi::Value value,
                                    const std::string& name);  // non-negative, product < 2^53

// A copy of a typed array as a one-dimensional CPU tensor. `length` -1: any.
at::Tensor int32_argument(Napi::Value value, const std::string& name, int64_t length = -1);
at::Tensor float32_argument(Napi::Value value, const std::string& name, int64_t length = -1);
at::Tensor uint8_argument(Napi::Value value, const std::string& name, int64_t length = -1);

// Field of an options object, for `number_argument(field(options, "lr"), "options.lr")`.
inline Napi::Value field(Napi::Object object, const char* key) { return object.Get(key); }
inline bool missing(Napi::Value value) { return value.IsUndefined() || value.IsNull(); }

}  // namespace mira::binding
