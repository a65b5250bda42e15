// A tagger without a model: it counts what passes through it, can be held up and can fail.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/tagging/tagger.h"

namespace fintag::server {

// Whether `condition` came true within ten seconds.
inline bool Eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// A door that passers-by wait at while it is closed.
class Gate {
 public:
  void Close() { Set(false); }
  void Open() { Set(true); }
  void Pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.wait(lock, [this] { return open_; });
    --waiting_;
  }
  int waiting() const {
    std::lock_guard lock(mutex_);
    return waiting_;
  }

 private:
  void Set(bool open) {
    std::lock_guard lock(mutex_);
    open_ = open;
    changed_.notify_all();
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
  int waiting_ = 0;
};

// What FakeTagger saw; outlives it.
struct TaggerLog {
  Gate gate;  // of Forward
  std::mutex mutex;
  std::vector<std::vector<WindowRef>> batches;
  std::function<absl::Status(std::span<const WindowRef>)> fault;  // asked before each batch

  size_t batch_count() {
    std::lock_guard lock(mutex);
    return batches.size();
  }
};

class FakeTagger final : public Tagger {
 public:
  explicit FakeTagger(TaggerLog& log) : log_(log) {}

  absl::StatusOr<EncodedSentence> EncodeText(std::string_view) const override { return EncodedSentence(); }
  absl::StatusOr<EncodedSentence> EncodeWords(std::span<const std::string>) const override { return EncodedSentence(); }

  absl::Status Forward(std::span<const WindowRef> windows) const override {
    {
      std::lock_guard lock(log_.mutex);
      log_.batches.emplace_back(windows.begin(), windows.end());
    }
    log_.gate.Pass();
    if (log_.fault) {
      if (absl::Status status = log_.fault(windows); !status.ok()) return status;
    }
    for (const WindowRef& window : windows) window.sentence->logits[window.window] += 1;
    return absl::OkStatus();
  }

  TaggedSentence Decode(const EncodedSentence&, Decoding) const override { return {}; }
  const std::vector<std::string>& tags() const override { return tags_; }
  std::string device_name() const override { return "cpu"; }
  std::string precision() const override { return "fp32"; }
  int64_t memory_bytes() const override { return 100; }

 private:
  TaggerLog& log_;
  const std::vector<std::string> tags_ = {"O"};
};

// A sentence of `windows` windows with `tokens` tokens each; a logit a window counts its passes through the model.
inline EncodedSentence MakeSentence(int windows, int tokens) {
  EncodedSentence sentence;
  sentence.windows.resize(windows);
  for (Window& window : sentence.windows) window.token_ids.assign(tokens, 7);
  sentence.tokens = static_cast<int64_t>(windows) * tokens;
  sentence.logits.assign(windows, 0);
  return sentence;
}

}  // namespace fintag::server
