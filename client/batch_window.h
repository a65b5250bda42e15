// The batches of lines between input and answer: a bounded, ordered queue with three ends. The input thread appends,
// the stream's writer takes each once per stream, the stream's reader takes the oldest away when it is answered.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace fintag::client {

struct BatchLine {
  int64_t number = 0;
  std::string text;
  bool sent = true;      // false: nothing to tag, or `problem`
  absl::Status problem;  // why it cannot be sent
};

struct Batch {
  std::vector<BatchLine> lines;
  int64_t bytes = 0;

  bool HasLinesToSend() const;
  std::vector<std::string> TextsToSend() const;
};

class BatchWindow {
 public:
  // `cancelled` ends the reader's waiting; it is asked ten times a second.
  BatchWindow(size_t capacity, std::function<bool()> cancelled)
      : capacity_(capacity), cancelled_(std::move(cancelled)) {}

  // Input thread. Waits while the window is full; false once it was aborted.
  bool Append(Batch batch);
  // Input thread: nothing more comes. `status` tells how the input ended.
  void Close(absl::Status status);

  // Writer thread: the texts of the next batch that has any; waits for it. Empty once all are sent, or after
  // PauseSending.
  std::optional<std::vector<std::string>> NextToSend();

  // Reader thread: the oldest batch, valid until PopFront; waits for it. nullptr when none will come, or once
  // cancelled.
  Batch* Front();
  void PopFront();
  // Reader thread: ends the writer's waiting; ResumeSending lets it begin again with the oldest batch.
  void PauseSending();
  void ResumeSending();

  // Ends the input thread's waiting.
  void Abort();
  absl::Status input_status() const;

 private:
  const size_t capacity_;
  const std::function<bool()> cancelled_;
  mutable absl::Mutex mutex_;
  std::deque<Batch> batches_ ABSL_GUARDED_BY(mutex_);
  size_t sent_ ABSL_GUARDED_BY(mutex_) = 0;  // of batches_, passed on to the writer
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool paused_ ABSL_GUARDED_BY(mutex_) = false;
  bool aborted_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status input_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace fintag::client
