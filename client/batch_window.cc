#include "client/batch_window.h"

#include <algorithm>

namespace fintag::client {

bool Batch::HasLinesToSend() const {
  return std::any_of(lines.begin(), lines.end(), [](const BatchLine& line) { return line.sent; });
}

std::vector<std::string> Batch::TextsToSend() const {
  std::vector<std::string> texts;
  for (const BatchLine& line : lines) {
    if (line.sent) texts.push_back(line.text);
  }
  return texts;
}

bool BatchWindow::Append(Batch batch) {
  const auto may_append = [this]()
                              ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return aborted_ || batches_.size() < capacity_; };
  absl::MutexLock lock(&mutex_, absl::Condition(&may_append));
  if (aborted_) return false;
  batches_.push_back(std::move(batch));
  return true;
}

void BatchWindow::Close(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
  input_status_ = std::move(status);
}

std::optional<std::vector<std::string>> BatchWindow::NextToSend() {
  const auto may_send = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return paused_ || closed_ || sent_ < batches_.size();
  };
  for (;;) {
    absl::MutexLock lock(&mutex_, absl::Condition(&may_send));
    if (paused_ || sent_ >= batches_.size()) return std::nullopt;
    const Batch& batch = batches_[sent_++];
    if (batch.HasLinesToSend()) return batch.TextsToSend();
  }
}

Batch* BatchWindow::Front() {
  const auto may_take = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return closed_ || !batches_.empty(); };
  absl::MutexLock lock(&mutex_);
  while (!mutex_.AwaitWithTimeout(absl::Condition(&may_take), absl::Milliseconds(100))) {
    if (cancelled_()) return nullptr;
  }
  return batches_.empty() ? nullptr : &batches_.front();
}

void BatchWindow::PopFront() {
  absl::MutexLock lock(&mutex_);
  batches_.pop_front();
  if (sent_ > 0) --sent_;
}

void BatchWindow::PauseSending() {
  absl::MutexLock lock(&mutex_);
  paused_ = true;
}

void BatchWindow::ResumeSending() {
  absl::MutexLock lock(&mutex_);
  paused_ = false;
  sent_ = 0;
}

void BatchWindow::Abort() {
  absl::MutexLock lock(&mutex_);
  aborted_ = true;
}

absl::Status BatchWindow::input_status() const {
  absl::MutexLock lock(&mutex_);
  return input_status_;
}

}  // namespace fintag::client
