// What each file of this folder adds to the addon's exports object; called once per environment.
#pragma once
#include <napi.h>

namespace mira::binding {

void init_tensor(Napi::Env env, Napi::Object exports);       // createTensor, borrowTensor, externalBytes
void init_engine(Napi::Env env, Napi::Object exports);       // CancelToken, setThreads
void init_info(Napi::Env env, Napi::Object exports);         // info
void init_memory(Napi::Env env, Napi::Object exports);       // memory, emptyCache
void init_safetensors(Napi::Env env, Napi::Object exports);  // safetensorsHeader, -Read, -Write
void init_model(Napi::Env env, Napi::Object exports);        // randomModel, loadModel
void init_checkpoint(Napi::Env env, Napi::Object exports);   // LoadProgress, weightShapes, exportWeights
void init_role(Napi::Env env, Napi::Object exports);         // NativeRole
void init_generator(Napi::Env env, Napi::Object exports);    // NativeGenerator
void init_profiler(Napi::Env env, Napi::Object exports);     // profileStart, profileStop

}  // namespace mira::binding
