// at::parallel_for behind plain functions: it is a template that runs in one thread unless its user is compiled with
// OpenMP. openmp_loop.cc alone is, so that the rest keeps its precompiled header (CMakeLists.txt). Use parallel.h.
#pragma once

#include <cstdint>

namespace fintag {

int OpenMpThreads();

void RunOpenMpLoop(int64_t count, int64_t grain, void (*run)(const void* context, int64_t begin, int64_t end),
                   const void* context);

}  // namespace fintag
