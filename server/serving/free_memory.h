// What the allocator keeps of memory that was freed.
#pragma once

namespace fintag::server {

// Gives it back to the system, where the allocator is tcmalloc: it would keep the pages of what a model's loading or
// unloading freed until something else needs them. Takes milliseconds; any thread.
void ReturnFreeMemory();

}  // namespace fintag::server
