// Debian's abseil is built without the thread sanitizer, which therefore does not see its mutex and
// notifications. In builds for that sanitizer the linker puts these in their place (-Wl,--wrap): they say what is
// acquired and released, and wait by asking again and again, since abseil's own waiting has conditions evaluated by
// whichever thread unlocks.
#include <absl/synchronization/mutex.h>
#include <absl/synchronization/notification.h>
#include <absl/time/clock.h>
#include <sanitizer/tsan_interface.h>

using absl::Condition;
using absl::Mutex;
using absl::Notification;

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

void __real__ZN4absl7debian312Notification6NotifyEv(Notification* notification);
void __real__ZNK4absl7debian312Notification19WaitForNotificationEv(const Notification* notification);
bool __real__ZNK4absl7debian312Notification31WaitForNotificationWithDeadlineENS0_4TimeE(
    const Notification* notification, absl::Time deadline);

void __wrap__ZN4absl7debian312Notification6NotifyEv(Notification* notification) {
  __tsan_release(notification);
  __real__ZN4absl7debian312Notification6NotifyEv(notification);
}

void __wrap__ZNK4absl7debian312Notification19WaitForNotificationEv(const Notification* notification) {
  __real__ZNK4absl7debian312Notification19WaitForNotificationEv(notification);
  __tsan_acquire(const_cast<Notification*>(notification));
}

bool __wrap__ZNK4absl7debian312Notification31WaitForNotificationWithDeadlineENS0_4TimeE(
    const Notification* notification, absl::Time deadline) {
  const bool notified =
      __real__ZNK4absl7debian312Notification31WaitForNotificationWithDeadlineENS0_4TimeE(notification, deadline);
  if (notified) __tsan_acquire(const_cast<Notification*>(notification));
  return notified;
}
}
