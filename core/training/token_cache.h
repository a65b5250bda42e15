// A corpus as the model sees it, on disk: tokens in windows, tags as numbers. Second step of training, behind the
// reader. TOKEN_CACHE.md has the format and why it is as it is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/tagging/windows.h"
#include "core/training/scratch_file.h"

namespace fintag {

// A sentence in the cache; valid as long as the cache is.
class CachedSentence {
 public:
  struct WindowView {
    std::span<const int32_t> token_ids;  // [CLS] ... [SEP]
    // The words that it owns are those from `first_word` to `end_word` (exclusive) that have a row.
    int32_t first_word;
    int32_t end_word;
  };

  explicit CachedSentence(std::span<const int32_t> record) : record_(record) {}

  int32_t windows() const { return record_[0]; }  // none where no word has a token
  WindowView window(int32_t index) const;

  int32_t words() const { return record_[1]; }
  // Of each word: the row of its first token in the window that owns it, or -1 where it has no token.
  std::span<const int32_t> rows() const { return record_.subspan(words_begin(), static_cast<size_t>(words())); }
  // Of each word: its tag, by number.
  std::span<const int32_t> tags() const {
    return record_.subspan(words_begin() + words(), static_cast<size_t>(words()));
  }
  // The words themselves; empty where they were not given to the writer.
  std::vector<std::string_view> texts() const;

 private:
  size_t tokens_begin() const { return 3 + 2 * static_cast<size_t>(windows()); }
  size_t words_begin() const;

  std::span<const int32_t> record_;
};

// Is read by one thread at a time. Lets go of its pages as others are read: a few MB of it are resident, however large
// it is.
class TokenCache {
 public:
  struct Totals {
    int64_t sentences = 0;
    int64_t tokens = 0;               // over all windows, [CLS] and [SEP] included
    int64_t words = 0;                // owned by windows
    int64_t long_sentences = 0;       // of more than one window
    int64_t words_without_token = 0;  // control characters alone: always "O"
  };

  const Totals& totals() const { return totals_; }
  int64_t size() const { return totals_.sentences; }
  // Tags from this number on are not the model's: their words are scored, but without a loss.
  int32_t model_tags() const { return model_tags_; }

  // Tokens of a sentence over all windows; 0 where it has none. Does not read the sentence.
  int64_t tokens(int64_t sentence) const;
  CachedSentence operator[](int64_t sentence) const;

 private:
  friend class TokenCacheWriter;
  TokenCache(ScratchFile records, ScratchFile index, const Totals& totals, int32_t model_tags)
      : records_(std::move(records)), index_(std::move(index)), totals_(totals), model_tags_(model_tags) {}

  ScratchFile records_;
  ScratchFile index_;
  Totals totals_;
  int32_t model_tags_;
  mutable int64_t touched_ = 0;  // bytes that may be resident
};

// Writes a cache sentence by sentence, in little memory.
class TokenCacheWriter {
 public:
  // On the disk of `folder`. Errors here and below are those of ScratchFile.
  static absl::StatusOr<TokenCacheWriter> Create(const std::filesystem::path& folder, int32_t model_tags);

  // `windows` as MakeWindows gives them, `tags` of each word; `texts` the words or none, for those who read them back.
  absl::Status Append(std::span<const Window> windows, std::span<const int32_t> tags,
                      std::span<const std::string> texts);

  absl::StatusOr<TokenCache> Finish() &&;

 private:
  TokenCacheWriter(ScratchFile records, ScratchFile index, int32_t model_tags)
      : records_(std::move(records)), index_(std::move(index)), model_tags_(model_tags) {}

  ScratchFile records_;
  ScratchFile index_;
  TokenCache::Totals totals_;
  int32_t model_tags_;
  std::vector<int32_t> record_;  // of the sentence at hand
};

}  // namespace fintag
