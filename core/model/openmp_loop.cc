#include "core/model/openmp_loop.h"

#ifndef _OPENMP
#error "compile this file with -fopenmp"
#endif
#if defined(__clang__) && !__has_include(<omp.h>)
#undef _OPENMP  // clang-tidy beside g++ has no omp.h: let it read the serial version
#endif

#include <ATen/Parallel.h>

namespace fintag {

int OpenMpThreads() { return at::get_num_threads(); }

void RunOpenMpLoop(int64_t count, int64_t grain, void (*run)(const void* context, int64_t begin, int64_t end),
                   const void* context) {
  at::parallel_for(0, count, grain, [=](int64_t begin, int64_t end) { run(context, begin, end); });
}

}  // namespace fintag
