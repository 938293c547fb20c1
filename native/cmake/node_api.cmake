# The target mira_node_api: folders of node-api-headers and node-addon-api, Node-API 9, C++ exceptions.
# cmake-js passes CMAKE_JS_INC; a plain cmake asks Node where the two packages lie. Nothing is downloaded.
if(CMAKE_JS_INC)
  set(_includes ${CMAKE_JS_INC})
else()
  find_program(NODE_PROGRAM node REQUIRED)
  set(_script "['node-api-headers', 'node-addon-api'].map(name => require(name).include_dir).join(';')")
  execute_process(
    COMMAND ${NODE_PROGRAM} -p "${_script}"
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE _includes OUTPUT_STRIP_TRAILING_WHITESPACE
    ERROR_QUIET RESULT_VARIABLE _failed)
  if(_failed)
    message(FATAL_ERROR "E_NODE_HEADERS: node-api-headers and node-addon-api are not in node_modules; "
                        "run `npm ci` first.")
  endif()
endif()

add_library(mira_node_api INTERFACE)
target_include_directories(mira_node_api SYSTEM INTERFACE ${_includes})
# EXCEPTIONS_ALL: without it a c10::Error that leaves a callback ends the process.
# SWALLOW: an exception thrown into an environment that is being torn down would otherwise abort.
target_compile_definitions(mira_node_api INTERFACE NAPI_VERSION=9 NODE_ADDON_API_CPP_EXCEPTIONS_ALL
                                                   NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS)
