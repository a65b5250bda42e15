#include "core/training/token_cache.h"

#include <algorithm>
#include <limits>

namespace fintag {
namespace {

// A record: windows, words, words with a text; ends of each window; token ids; rows; tags; ends of the texts, and
// these.
constexpr size_t kHeader = 3;
constexpr size_t kIndexEntry = 3;  // begin of the record in two halves, tokens

// What may be resident at a time, and what a touched page brings with it (fault_around_bytes of the kernel).
constexpr int64_t kResidentBytes = 16 << 20;
constexpr int64_t kAroundBytes = 64 << 10;

size_t IndexAt(int64_t sentence) { return static_cast<size_t>(sentence) * kIndexEntry; }

}  // namespace

size_t CachedSentence::words_begin() const {
  const size_t tokens = windows() == 0 ? 0 : static_cast<size_t>(record_[tokens_begin() - 2]);
  return tokens_begin() + tokens;
}

CachedSentence::WindowView CachedSentence::window(int32_t index) const {
  const std::span<const int32_t> ends = record_.subspan(kHeader, 2 * static_cast<size_t>(windows()));
  const size_t at = 2 * static_cast<size_t>(index);
  const int32_t first_token = index == 0 ? 0 : ends[at - 2];
  const int32_t first_word = index == 0 ? 0 : ends[at - 1];
  return {
      record_.subspan(tokens_begin() + static_cast<size_t>(first_token), static_cast<size_t>(ends[at] - first_token)),
      first_word, ends[at + 1]};
}

std::vector<std::string_view> CachedSentence::texts() const {
  const auto count = static_cast<size_t>(record_[2]);
  const std::span<const int32_t> ends = record_.subspan(words_begin() + 2 * static_cast<size_t>(words()), count);
  const char* text = reinterpret_cast<const char*>(ends.data() + count);
  std::vector<std::string_view> texts;
  texts.reserve(count);
  int32_t begin = 0;
  for (const int32_t end : ends) {
    texts.emplace_back(text + begin, static_cast<size_t>(end - begin));
    begin = end;
  }
  return texts;
}

int64_t TokenCache::tokens(int64_t sentence) const { return index_.values()[IndexAt(sentence) + 2]; }

CachedSentence TokenCache::operator[](int64_t sentence) const {
  const auto begin_of = [&](int64_t i) {
    if (i == size()) return records_.values().size();
    const std::span<const int32_t> entry = index_.values().subspan(IndexAt(i), kIndexEntry);
    return static_cast<size_t>(static_cast<uint32_t>(entry[0])) | static_cast<size_t>(entry[1]) << 32;
  };
  const size_t begin = begin_of(sentence);
  const size_t length = begin_of(sentence + 1) - begin;
  // What was given before stays valid: its pages come back.
  touched_ += kAroundBytes + static_cast<int64_t>(length * sizeof(int32_t));
  if (touched_ > kResidentBytes) {
    records_.LetGo();
    index_.LetGo();
    touched_ = 0;
  }
  return CachedSentence(records_.values().subspan(begin, length));
}

absl::StatusOr<TokenCacheWriter> TokenCacheWriter::Create(const std::filesystem::path& folder, int32_t model_tags) {
  absl::StatusOr<ScratchFile> records = ScratchFile::Create(folder);
  if (!records.ok()) return records.status();
  absl::StatusOr<ScratchFile> index = ScratchFile::Create(folder);
  if (!index.ok()) return index.status();
  return TokenCacheWriter(*std::move(records), *std::move(index), model_tags);
}

absl::Status TokenCacheWriter::Append(std::span<const Window> windows, std::span<const int32_t> tags,
                                      std::span<const std::string> texts) {
  record_ = {static_cast<int32_t>(windows.size()), static_cast<int32_t>(tags.size()),
             static_cast<int32_t>(texts.size())};
  int64_t tokens = 0;
  int64_t words = 0;
  for (const Window& window : windows) {
    tokens += std::ssize(window.token_ids);
    words += std::ssize(window.words);
    record_.push_back(static_cast<int32_t>(tokens));
    record_.push_back(window.words.back() + 1);
  }
  for (const Window& window : windows) {
    record_.insert(record_.end(), window.token_ids.begin(), window.token_ids.end());
  }
  const size_t rows = record_.size();
  record_.resize(rows + tags.size(), -1);
  for (const Window& window : windows) {
    for (size_t k = 0; k < window.words.size(); ++k) {
      record_[rows + static_cast<size_t>(window.words[k])] = window.word_rows[k];
    }
  }
  record_.insert(record_.end(), tags.begin(), tags.end());
  int64_t bytes = 0;
  for (const std::string& text : texts) {
    bytes += std::ssize(text);
    record_.push_back(static_cast<int32_t>(bytes));
  }
  if (std::max(bytes, tokens) > std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError("a sentence of more than 2 GiB");
  }
  const size_t text_begin = record_.size();
  record_.resize(text_begin + (static_cast<size_t>(bytes) + sizeof(int32_t) - 1) / sizeof(int32_t));
  char* out = reinterpret_cast<char*>(record_.data() + text_begin);
  for (const std::string& text : texts) out = std::copy(text.begin(), text.end(), out);

  ++totals_.sentences;
  totals_.tokens += tokens;
  totals_.words += words;
  totals_.long_sentences += windows.size() > 1 ? 1 : 0;
  totals_.words_without_token += std::ssize(tags) - words;
  const auto begin = static_cast<uint64_t>(records_.size());
  const int32_t entry[kIndexEntry] = {static_cast<int32_t>(static_cast<uint32_t>(begin)),
                                      static_cast<int32_t>(begin >> 32), static_cast<int32_t>(tokens)};
  if (absl::Status added = index_.Append(entry); !added.ok()) return added;
  return records_.Append(record_);
}

absl::StatusOr<TokenCache> TokenCacheWriter::Finish() && {
  if (absl::Status mapped = records_.Map(); !mapped.ok()) return mapped;
  if (absl::Status mapped = index_.Map(); !mapped.ok()) return mapped;
  return TokenCache(std::move(records_), std::move(index_), totals_, model_tags_);
}

}  // namespace fintag
