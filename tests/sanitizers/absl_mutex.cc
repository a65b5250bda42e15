// Debian's abseil is built without the thread sanitizer, which therefore does not see its mutex. In builds for that
// sanitizer the linker puts these in its place (-Wl,--wrap): they say what is acquired and released, and wait by asking
// again and again, since abseil's own waiting has conditions evaluated by whichever thread unlocks.
#include <absl/synchronization/mutex.h>
#include <absl/time/clock.h>
#include <sanitizer/tsan_interface.h>

using absl::Condition;
using absl::Mutex;

extern "C" {
void __real__ZN4absl7debian35Mutex4LockEv(Mutex* mutex);
void __real__ZN4absl7debian35Mutex6UnlockEv(Mutex* mutex);

void __wrap__ZN4absl7debian35Mutex4LockEv(Mutex* mutex) {
  __real__ZN4absl7debian35Mutex4LockEv(mutex);
  __tsan_acquire(mutex);
}

void __wrap__ZN4absl7debian35Mutex6UnlockEv(Mutex* mutex) {
  __tsan_release(mutex);
  __real__ZN4absl7debian35Mutex6UnlockEv(mutex);
}

bool __wrap__ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE(Mutex* mutex,
                                                                                  const Condition& condition,
                                                                                  absl::Time deadline) {
  while (!condition.Eval()) {
    if (absl::Now() >= deadline) return false;
    __wrap__ZN4absl7debian35Mutex6UnlockEv(mutex);
    absl::SleepFor(absl::Microseconds(200));
    __wrap__ZN4absl7debian35Mutex4LockEv(mutex);
  }
  return true;
}

void __wrap__ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE(Mutex* mutex, const Condition& condition) {
  __wrap__ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE(mutex, condition,
                                                                               absl::InfiniteFuture());
}

void __wrap__ZN4absl7debian35Mutex8LockWhenERKNS0_9ConditionE(Mutex* mutex, const Condition& condition) {
  __wrap__ZN4absl7debian35Mutex4LockEv(mutex);
  __wrap__ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE(mutex, condition);
}
}
