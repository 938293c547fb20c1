// Precompiled header of the addon: core's, and node-addon-api.
#pragma once
#include "native/core/pch.h"
#include <napi.h>
