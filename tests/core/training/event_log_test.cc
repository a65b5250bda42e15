#include "core/training/event_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <thread>

#include "absl/strings/str_cat.h"
#include "core/training/event_json.h"
#include "tests/core/model/temporary_folder.h"

namespace fintag {
namespace {

using ::testing::HasSubstr;

Scores SomeScores() {
  Scores scores;
  scores.micro = {"", 0.1, 0.2, 2.0 / 15, 10, 20, 2};
  scores.macro = {"", 1.0 / 3, 0.25, 0.3, 10, 20, 2};
  scores.labels = {{"LOC", 0.5, 0.5, 0.5, 2, 2, 1}, {"ORG", 1.0 / 18, 0.125, 1.0 / 13, 8, 18, 1}};
  scores.accuracy = 0.98765432109876543;
  scores.words = 13246;
  return scores;
}

TrainingStart SomeStart() {
  TrainingStart start;
  start.device = "cuda:0 (NVIDIA \"H200\")";
  start.threads = 2;
  start.parameters = 22600000;
  start.train_sentences = 1164;
  start.train_tokens = 47210;
  start.validation_sentences = 303;
  start.total_steps = 730;
  start.word_lookup = SomeScores();
  start.tags = {"O", "B-ORG", "I-ORG"};
  start.notes = {"two\nlines", "é\xE2\x82\xAC"};
  return start;
}

EpochResult SomeEpoch() {
  EpochResult epoch;
  epoch.epoch = 3;
  epoch.train_loss = 0.1;
  epoch.validation_loss = 1e-300;
  epoch.scores = SomeScores();
  epoch.unseen = {"", 0.3, 0.4, 0.35, 7, 8, 3};
  epoch.train_seconds = 30.5;
  epoch.validation_seconds = 2.25;
  epoch.tokens_per_second = 1548.1;
  epoch.best = true;
  return epoch;
}

std::vector<Event> OneOfEach() {
  return {{1, 1700000000123, StateChanged{"QUEUED", "", ""}},
          {2, 1700000000124, SomeStart()},
          {3, 1700000000125, TrainingProgress{1, 17, 730, 0.5, 0.25, 2e-5, 23605, 1500.5, 31.75}},
          {4, 1700000000126, SomeEpoch()},
          {5, 1700000000127, TrainingFinished{3, 5, true}},
          {6, 1700000000128, TrainingFailed{"INVALID_ARGUMENT", "a.txt:3: bad\na.txt:4: worse"}},
          {7, 1700000000129, StateChanged{"SUCCEEDED", "", "models/fin/versions/1"}}};
}

TEST(EventLine, ComesBackAsItWent) {
  for (const Event& event : OneOfEach()) {
    const std::string line = EncodeEvent(event);
    ASSERT_EQ(line.find('\n'), line.size() - 1) << line;
    const absl::StatusOr<Event> decoded = DecodeEvent(line);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->sequence, event.sequence);
    EXPECT_EQ(decoded->unix_milliseconds, event.unix_milliseconds);
    EXPECT_EQ(decoded->what.index(), event.what.index());
    // Doubles are written with all their digits, so equal text means equal values.
    EXPECT_EQ(EncodeEvent(*decoded), line);
  }
  const absl::StatusOr<Event> epoch = DecodeEvent(EncodeEvent({4, 0, SomeEpoch()}));
  ASSERT_TRUE(epoch.ok());
  EXPECT_EQ(std::get<EpochResult>(epoch->what).scores.accuracy, SomeScores().accuracy);
  EXPECT_EQ(std::get<EpochResult>(epoch->what).scores.labels[1].f1, 1.0 / 13);
  EXPECT_TRUE(std::get<EpochResult>(epoch->what).best);
}

TEST(EventLine, HasTheTraceIdWhereOneIsKnown) {
  Event event{1, 0, StateChanged{"QUEUED", "", ""}, "4bf92f3577b34da6a3ce929d0e0e4736"};
  EXPECT_EQ(DecodeEvent(EncodeEvent(event))->trace_id, event.trace_id);
  event.trace_id.clear();
  const std::string line = EncodeEvent(event);  // as programs before trace ids wrote it
  EXPECT_EQ(line.find("trace_id"), std::string::npos);
  EXPECT_EQ(DecodeEvent(line)->trace_id, "");
}

TEST(EventLine, WritesNumbersThatAreNotFinite) {
  TrainingProgress progress;
  progress.loss = std::numeric_limits<double>::quiet_NaN();
  progress.seconds_left = std::numeric_limits<double>::infinity();
  const absl::StatusOr<Event> decoded = DecodeEvent(EncodeEvent({1, 0, progress}));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_TRUE(std::isnan(std::get<TrainingProgress>(decoded->what).loss));
  EXPECT_TRUE(std::isnan(std::get<TrainingProgress>(decoded->what).seconds_left));
}

TEST(EventLine, ReplacesBytesThatAreNotUtf8) {
  const absl::StatusOr<Event> decoded = DecodeEvent(EncodeEvent({1, 0, TrainingFailed{"NOT_FOUND", "file \xff"}}));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(std::get<TrainingFailed>(decoded->what).reason, "file \xEF\xBF\xBD");
}

TEST(EventLine, AnyChangedByteIsDataLoss) {
  const std::string line = EncodeEvent({3, 1700000000125, TrainingProgress{1, 17, 730, 0.5, 0.25, 2e-5, 5, 1, 3}});
  for (size_t i = 0; i < line.size(); ++i) {
    std::string damaged = line;
    damaged[i] ^= 0x04;
    const absl::StatusOr<Event> decoded = DecodeEvent(damaged);
    ASSERT_EQ(decoded.status().code(), absl::StatusCode::kDataLoss) << "byte " << i;
  }
  for (size_t size = 0; size < line.size(); ++size) {
    ASSERT_EQ(DecodeEvent(line.substr(0, size)).status().code(), absl::StatusCode::kDataLoss) << size;
  }
}

// Found by tests/fuzz: casting such a number is undefined.
TEST(EventLine, TakesNothingButWholeNumbersForCounts) {
  for (const std::string& number : std::vector<std::string>{"1.7e32", "1.5", "null", "\"1\""}) {
    for (const std::string& text : {
             R"({"sequence":)" + number + R"(,"time":1,"type":"failed","code":"","reason":""})",
             R"({"sequence":1,"time":)" + number + R"(,"type":"failed","code":"","reason":""})",
             R"({"sequence":1,"time":1,"type":"finished","best_epoch":)" + number +
                 R"(,"kept_epoch":1,"cancelled":true})",
         }) {
      const std::string line = absl::StrCat(absl::Hex(Crc32(text), absl::kZeroPad8), " ", text, "\n");
      EXPECT_EQ(DecodeEvent(line).status().code(), absl::StatusCode::kDataLoss) << line;
    }
  }
}

TEST(EventLine, KeepsTheConfusion) {
  EpochResult epoch = SomeEpoch();
  epoch.scores.confusion = {{"O", {{"O", 7}, {"ORG", 1}}}, {"ORG", {{"ORG", 2}}}};
  const absl::StatusOr<Event> decoded = DecodeEvent(EncodeEvent({4, 0, epoch}));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(std::get<EpochResult>(decoded->what).scores.confusion, epoch.scores.confusion);
}

TEST(EventLine, ChecksumIsThatOfZlib) { EXPECT_EQ(Crc32("123456789"), 0xCBF43926u); }

TEST(EventLog, NumbersAndKeepsEvents) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "events.log";
  for (int round = 0; round < 2; ++round) {
    auto writer = EventLogWriter::Open(file);
    ASSERT_TRUE(writer.ok()) << writer.status();
    EXPECT_EQ((*writer)->last_sequence(), round * 7);
    for (const Event& event : OneOfEach()) ASSERT_TRUE((*writer)->Append(event).ok());
  }
  std::vector<Event> events;
  ASSERT_TRUE(EventLogReader::Open(file)->ReadNew(events).ok());
  ASSERT_EQ(events.size(), 14u);
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].sequence, static_cast<int64_t>(i) + 1);
    EXPECT_EQ(events[i].what.index(), OneOfEach()[i % 7].what.index());
    EXPECT_GT(events[i].unix_milliseconds, 1700000001000);
  }
}

TEST(EventLog, MissingFileHasNoEvents) {
  const TemporaryFolder folder;
  std::vector<Event> events;
  const auto reader = EventLogReader::Open(folder.path() / "events.log");
  ASSERT_TRUE(reader->ReadNew(events).ok());
  EXPECT_TRUE(events.empty());
  const auto writer = EventLogWriter::Open(folder.path() / "events.log");
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->Append({.what = TrainingFinished{}}).ok());
  ASSERT_TRUE(reader->ReadNew(events).ok());
  EXPECT_EQ(events.size(), 1u);
}

// Wherever a kill cuts the last line, a reader keeps to the whole ones and a writer goes on behind them.
TEST(EventLog, GoesOnBehindATornLastLine) {
  const std::string first = EncodeEvent({1, 5, StateChanged{"RUNNING", "", ""}});
  const std::string second = EncodeEvent({2, 6, TrainingFinished{1, 1, false}});
  for (size_t cut = 0; cut < second.size(); ++cut) {
    const TemporaryFolder folder;
    const std::filesystem::path file = folder.path() / "events.log";
    WriteFile(file, first + second.substr(0, cut));
    const auto reader = EventLogReader::Open(file);
    std::vector<Event> events;
    ASSERT_TRUE(reader->ReadNew(events).ok());
    ASSERT_EQ(events.size(), 1u);
    const auto writer = EventLogWriter::Open(file);
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_EQ((*writer)->last_sequence(), 1);
    ASSERT_TRUE((*writer)->Append({.what = TrainingFailed{"INTERNAL", "x"}}).ok());
    ASSERT_TRUE(reader->ReadNew(events).ok());
    ASSERT_EQ(events.size(), 2u);
    ASSERT_EQ(events[1].sequence, 2);
  }
}

TEST(EventLog, CutsADamagedLastLineOfAPowerCut) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "events.log";
  WriteFile(file, EncodeEvent({1, 5, StateChanged{"RUNNING", "", ""}}) + std::string(40, '\0') + "\n");
  const auto writer = EventLogWriter::Open(file);
  ASSERT_TRUE(writer.ok()) << writer.status();
  EXPECT_EQ((*writer)->last_sequence(), 1);
}

TEST(EventLog, DamageBeforeTheLastLineIsDataLoss) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "events.log";
  std::string damaged = EncodeEvent({1, 5, StateChanged{"RUNNING", "", ""}});
  damaged[20] ^= 1;
  const std::string missing_first = EncodeEvent({2, 6, TrainingFinished{1, 1, false}});
  for (const std::string& content : {damaged + missing_first, missing_first + missing_first}) {
    WriteFile(file, content);
    const absl::Status opened = EventLogWriter::Open(file).status();
    EXPECT_EQ(opened.code(), absl::StatusCode::kDataLoss) << opened;
    EXPECT_THAT(std::string(opened.message()), HasSubstr(file.string()));
    std::vector<Event> events;
    EXPECT_EQ(EventLogReader::Open(file)->ReadNew(events).code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(ReadFile(file), content) << "a log that is not to be trusted is not written to";
  }
}

// Lines of all sizes, some longer than a piece.
class LongEventLog : public testing::Test {
 protected:
  LongEventLog() {
    for (size_t size : {10, 900'000, 200'000, 3'000'000, 5, 0, 1'100'000, 700'000, 700'000, 20}) {
      lines_.push_back(EncodeEvent({std::ssize(lines_) + 1, 5, TrainingFailed{"INTERNAL", std::string(size, 'x')}}));
    }
  }

  void Write(const std::string& behind = "") {
    std::string content;
    for (const std::string& line : lines_) content += line;
    WriteFile(file_, content + behind);
  }

  const TemporaryFolder folder_;
  const std::filesystem::path file_ = folder_.path() / "events.log";
  std::vector<std::string> lines_;
};

TEST_F(LongEventLog, IsReadInPiecesOfWholeLines) {
  Write("1c291ca3 {");
  const auto reader = EventLogReader::Open(file_);
  size_t read = 0, pieces = 0;
  while (true) {
    std::vector<Event> events;
    ASSERT_TRUE(reader->ReadNew(events).ok());
    if (events.empty()) break;
    size_t bytes = 0;
    for (const Event& event : events) {
      EXPECT_EQ(EncodeEvent(event), lines_[read]);
      bytes += lines_[read++].size();
    }
    EXPECT_LT(bytes - EncodeEvent(events[0]).size(), (1u << 20) + (1u << 15));
    ++pieces;
  }
  EXPECT_EQ(read, lines_.size());
  EXPECT_GT(pieces, 4u);
}

TEST_F(LongEventLog, IsOpenedForWritingBehindItsLastWholeLine) {
  Write("1c291ca3 {");
  const auto writer = EventLogWriter::Open(file_);
  ASSERT_TRUE(writer.ok()) << writer.status();
  EXPECT_EQ((*writer)->last_sequence(), 10);
  const std::string cut = ReadFile(file_);
  Write();
  EXPECT_TRUE(cut == ReadFile(file_));
}

// Where a piece ends is not where the log ends: a damaged line there is no torn one.
TEST_F(LongEventLog, DamageOfAnyLineButTheLastIsDataLoss) {
  for (size_t line = 0; line < lines_.size(); ++line) {
    const std::string good = lines_[line];
    lines_[line][15] ^= 1;
    Write();
    const bool last = line + 1 == lines_.size();
    EXPECT_EQ(EventLogWriter::Open(file_).status().code(), last ? absl::StatusCode::kOk : absl::StatusCode::kDataLoss);
    Write();
    const auto reader = EventLogReader::Open(file_);
    std::vector<Event> events;
    absl::Status status;
    for (size_t before = 1; status.ok() && before != events.size();) {
      before = events.size();
      status = reader->ReadNew(events);
    }
    EXPECT_EQ(status.code(), last ? absl::StatusCode::kOk : absl::StatusCode::kDataLoss) << line;
    EXPECT_EQ(events.size(), line);
    lines_[line] = good;
  }
}

TEST(EventLog, IsReadWhileItIsWritten) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "events.log";
  constexpr int64_t kEvents = 3000;
  std::thread writing([&file] {
    const auto writer = EventLogWriter::Open(file);
    ASSERT_TRUE(writer.ok());
    for (int64_t i = 1; i <= kEvents; ++i) {
      TrainingProgress progress;
      progress.step = i;
      ASSERT_TRUE((*writer)->Append({.what = progress}).ok());
    }
  });
  const auto reader = EventLogReader::Open(file);
  std::vector<Event> events;
  while (events.size() < kEvents) ASSERT_TRUE(reader->ReadNew(events).ok());
  writing.join();
  for (int64_t i = 0; i < kEvents; ++i) {
    ASSERT_EQ(events[i].sequence, i + 1);
    ASSERT_EQ(std::get<TrainingProgress>(events[i].what).step, i + 1);
  }
}

TEST(EventLog, FinalStatesAreThree) {
  for (const char* state : {"CANCELLED", "SUCCEEDED", "FAILED"}) EXPECT_TRUE(IsFinalState(state));
  for (const char* state : {"QUEUED", "VALIDATING", "RUNNING", "CANCELLING", ""}) EXPECT_FALSE(IsFinalState(state));
}

TEST(EventLog, TimesNeverRunBackwards) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "events.log";
  Event event;
  event.sequence = 1;
  event.unix_milliseconds = int64_t{1} << 42;  // the clock was set back since
  event.what = StateChanged{"QUEUED", "", ""};
  std::ofstream(file) << EncodeEvent(event);
  ASSERT_TRUE(EventLogWriter::Open(file).value()->Append(event).ok());
  std::vector<Event> events;
  ASSERT_TRUE(EventLogReader::Open(file)->ReadNew(events).ok());
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[1].unix_milliseconds, int64_t{1} << 42);
}

}  // namespace
}  // namespace fintag
