// Stands before protobuf's own header in builds for the thread sanitizer: there that header gives map fields two
// members more, which Debian's library, built without, does not know of, so that it would read every field at the wrong
// place.
#pragma once

// What the header includes, so that these still see the sanitizer.
#include <atomic>
#include <functional>
#include <memory>
#include <string>

#pragma push_macro("__SANITIZE_THREAD__")
#undef __SANITIZE_THREAD__
#include_next <google/protobuf/map_field.h>
#pragma pop_macro("__SANITIZE_THREAD__")
