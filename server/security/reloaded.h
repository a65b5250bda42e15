// A value that is made of files, and made anew when they change. What cannot be used leaves the value as it was.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/security/file_watch.h"

namespace fintag::server {

template <typename Value>
class Reloaded {
 public:
  using Make = std::function<absl::StatusOr<Value>(const FileContents& contents)>;
  // Told of every change that was found: OK, or why the value stays as it was; and what is in use now. On a thread of
  // its own.
  using OnReload = std::function<void(const absl::Status& status, const Value& in_use)>;

  // The first value is made before this returns, or its error is the answer.
  static absl::StatusOr<std::unique_ptr<Reloaded>> Load(std::vector<std::filesystem::path> files, Make make,
                                                        OnReload on_reload,
                                                        absl::Duration look_every = absl::Seconds(1)) {
    absl::StatusOr<FileContents> contents = ReadFiles(files);
    if (!contents.ok()) return contents.status();
    absl::StatusOr<Value> value = make(*contents);
    if (!value.ok()) return value.status();
    std::unique_ptr<Reloaded> loaded(new Reloaded(*std::move(value), std::move(make), std::move(on_reload)));
    loaded->watch_ = std::make_unique<FileWatch>(
        std::move(files), *std::move(contents), look_every,
        [reloaded = loaded.get()](const absl::StatusOr<FileContents>& found) { reloaded->Take(found); });
    return loaded;
  }

  // From any thread. What it returns stays valid, and as it is.
  std::shared_ptr<const Value> Get() const {
    absl::MutexLock lock(&mutex_);
    return value_;
  }

 private:
  Reloaded(Value value, Make make, OnReload on_reload)
      : make_(std::move(make)),
        on_reload_(std::move(on_reload)),
        value_(std::make_shared<const Value>(std::move(value))) {}

  void Take(const absl::StatusOr<FileContents>& found) {
    absl::StatusOr<Value> value = found.ok() ? make_(*found) : absl::StatusOr<Value>(found.status());
    const absl::Status status = value.status();
    if (status.ok()) {
      absl::MutexLock lock(&mutex_);
      value_ = std::make_shared<const Value>(*std::move(value));
    }
    on_reload_(status, *Get());
  }

  const Make make_;
  const OnReload on_reload_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<const Value> value_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<FileWatch> watch_;  // last, so that its thread ends first
};

}  // namespace fintag::server
