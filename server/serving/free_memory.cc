#include "server/serving/free_memory.h"

// Of gperftools' C interface. Weak: a program that is linked without tcmalloc has none (the sanitizers' are).
extern "C" void MallocExtension_ReleaseFreeMemory(void) __attribute__((weak));

namespace fintag::server {

void ReturnFreeMemory() {
  if (MallocExtension_ReleaseFreeMemory != nullptr) MallocExtension_ReleaseFreeMemory();
}

}  // namespace fintag::server
