#include "server/security/audit_log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "tests/server/storage/temporary_folder.h"

namespace fintag::server {
namespace {

using ::testing::HasSubstr;

class AuditLogTest : public ::testing::Test {
 protected:
  std::unique_ptr<AuditLog> Open() {
    absl::StatusOr<std::unique_ptr<AuditLog>> log =
        AuditLog::Open(file_, [this](const absl::Status& status) { ++(status.ok() ? written_ : failed_); });
    EXPECT_TRUE(log.ok()) << log.status();
    return log.ok() ? *std::move(log) : nullptr;
  }

  std::string Text() const {
    std::ifstream file(file_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  void SetText(const std::string& text) const { std::ofstream(file_, std::ios::binary) << text; }

  // Every line's content; their chain is checked.
  std::vector<nlohmann::json> Lines() const {
    std::vector<nlohmann::json> lines;
    std::ifstream file(file_, std::ios::binary);
    AuditLink link;
    for (std::string line; std::getline(file, line);) {
      EXPECT_FALSE(file.eof()) << "a last line without its end";
      const absl::Status followed = FollowAuditLine(line, link);
      EXPECT_TRUE(followed.ok()) << followed << ": " << line;
      lines.push_back(nlohmann::json::parse(line));
    }
    return lines;
  }

  static AuditEntry Entry(const std::string& resource) {
    return {.caller = "ann",
            .peer = "ipv4:10.0.0.7:41234",
            .method = "fintag.v1.ModelService/DeleteModel",
            .resource = resource,
            .code = "OK",
            .trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"};
  }

  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "audit.log";
  std::atomic<int> written_ = 0;
  std::atomic<int> failed_ = 0;
};

TEST_F(AuditLogTest, EntriesAreAChainOverRestarts) {
  std::string head;
  for (int start = 0; start < 3; ++start) {
    const auto log = Open();
    EXPECT_EQ(log->entries(), 2 * start);
    EXPECT_EQ(log->head(), start == 0 ? std::string(64, '0') : head);
    EXPECT_TRUE(log->Write(Entry("models/a")).ok());
    EXPECT_TRUE(log->WriteOrLose(Entry("models/b")).ok());
    head = log->head();
  }
  EXPECT_EQ(written_, 6);
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 6u);
  EXPECT_EQ(lines[5]["hash"], head);
  EXPECT_EQ(lines[0]["caller"], "ann");
  EXPECT_EQ(lines[1]["resource"], "models/b");
  EXPECT_EQ(lines[0]["sequence"], 1);
  EXPECT_THAT(lines[0]["time"].get<std::string>(), testing::MatchesRegex("[0-9]{4}-.*T.*\\.[0-9]{6}Z"));
  EXPECT_EQ(std::filesystem::status(file_).permissions() & std::filesystem::perms::others_all,
            std::filesystem::perms::none);
}

TEST_F(AuditLogTest, ManyCallersWriteOneChain) {
  {
    const auto log = Open();
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 8; ++caller) {
      callers.emplace_back([&, caller] {
        for (int i = 0; i < 20; ++i) {
          const AuditLog::Place place(*log);
          EXPECT_TRUE(place.status().ok());
          EXPECT_TRUE(log->Write(Entry("models/m" + std::to_string(caller * 20 + i))).ok());
        }
      });
    }
    for (std::thread& caller : callers) caller.join();
  }
  std::set<std::string> resources;
  for (const auto& line : Lines()) resources.insert(line["resource"]);
  EXPECT_EQ(resources.size(), 160u);
}

TEST_F(AuditLogTest, ATornLastLineIsCutAndTheCutWrittenDown) {
  Open()->Write(Entry("models/a")).IgnoreError();
  const std::string whole = Text();
  Open()->Write(Entry("models/b")).IgnoreError();
  const std::string two = Text();
  const size_t second = two.size() - whole.size();
  std::vector<std::string> torn;
  for (size_t cut = 1; cut < second; cut += 41) torn.push_back(two.substr(0, two.size() - cut));
  torn.push_back(whole + std::string(100, '\0'));          // a power cut
  torn.push_back(whole + std::string(100, '\0') + "}\n");  // the same, with the line's end
  torn.push_back(two.substr(0, 10));                       // of the first line
  for (const std::string& text : torn) {
    SetText(text);
    const auto log = Open();
    ASSERT_NE(log, nullptr);
    const auto lines = Lines();
    const size_t kept = text.size() > whole.size() ? 1 : 0;
    ASSERT_EQ(lines.size(), kept + 1);
    EXPECT_EQ(lines.back()["method"], "server/RepairAuditLog");
    EXPECT_EQ(
        lines.back()["detail"],
        "a torn last line of " + std::to_string(text.size() - (kept == 1 ? whole.size() : 0)) + " bytes was cut off");
  }
}

TEST_F(AuditLogTest, ABrokenChainStopsTheStart) {
  {
    const auto log = Open();
    for (const char* name : {"models/a", "models/b", "models/c"}) ASSERT_TRUE(log->Write(Entry(name)).ok());
  }
  const std::string good = Text();
  const size_t second = good.find('\n') + 1;
  const size_t third = good.find('\n', second) + 1;
  std::string changed = good;
  changed.replace(changed.find("models/b"), 8, "models/x");
  std::string last = good;
  last[last.size() - 10] = last[last.size() - 10] == '0' ? '1' : '0';
  for (const std::string& bad : {changed, last, good.substr(second), good.substr(0, second) + good.substr(third),
                                 good + good.substr(third), good.substr(0, second) + "hello\n" + good.substr(second)}) {
    SetText(bad);
    const auto refused = AuditLog::Open(file_, nullptr).status();
    EXPECT_TRUE(absl::IsDataLoss(refused)) << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr("fintag audit verify"));
    EXPECT_EQ(Text(), bad) << "evidence is left as it is";
  }
}

TEST_F(AuditLogTest, OfALongLogTheEndIsChecked) {
  AuditLink link;
  std::string text;
  while (text.size() < (3u << 20)) text += AuditLine(Entry("models/a"), link);
  SetText(text);
  EXPECT_EQ(Open()->entries(), link.sequence);
  text[text.size() - (1 << 19)] ^= 1;
  SetText(text);
  EXPECT_TRUE(absl::IsDataLoss(AuditLog::Open(file_, nullptr).status()));
}

// A limit of the file's size stands for a full disk: the kernel refuses to write, or to set room aside.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    before_ = std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit_);
    const rlimit full{bytes, limit_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &full);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &limit_);
    std::signal(SIGXFSZ, before_);
  }

 private:
  rlimit limit_{};
  void (*before_)(int) = nullptr;
};

TEST_F(AuditLogTest, WhatWasDoneIsKeptUntilItCanBeWritten) {
  const auto log = Open();
  ASSERT_TRUE(log->Write(Entry("models/a")).ok());
  const std::string before = Text();
  {
    const FullDisk full(before.size() + 100);
    EXPECT_TRUE(absl::IsUnavailable(log->Write(Entry("models/done"))));
    EXPECT_FALSE(log->WriteOrLose(Entry("models/refused")).ok());
    EXPECT_EQ(Text(), before);
    const AuditLog::Place place(*log);
    EXPECT_FALSE(place.status().ok());
    EXPECT_THAT(std::string(place.status().message()), HasSubstr("nothing is changed until it can be"));
  }
  EXPECT_EQ(written_, 1);
  EXPECT_EQ(failed_, 3);
  const AuditLog::Place place(*log);
  EXPECT_TRUE(place.status().ok());
  ASSERT_TRUE(log->Write(Entry("models/b")).ok());
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[1]["resource"], "models/done");
  EXPECT_EQ(lines[2]["resource"], "models/b");
}

TEST_F(AuditLogTest, AnEntryWithAPlaceFitsThoughTheDiskIsFullByThen) {
  const std::filesystem::path disk = folder_.path() / "disk";
  std::filesystem::create_directory(disk);
  if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=1m") != 0) GTEST_SKIP() << "no leave to mount";
  const absl::Cleanup unmounting = [&] { umount2(disk.c_str(), MNT_DETACH); };
  file_ = disk / "audit.log";
  const auto log = Open();
  std::optional<AuditLog::Place> place;
  place.emplace(*log);
  ASSERT_TRUE(place->status().ok()) << place->status();
  EXPECT_EQ(std::filesystem::file_size(file_), 0u);  // set aside, not part of the file
  std::ofstream(disk / "of another") << std::string(2 << 20, 'x');
  // Strangers who ask again and again take nothing of it.
  int attempts = 0;
  while (attempts < 2000 && log->WriteOrLose(Entry("models/stranger")).ok()) ++attempts;
  EXPECT_LT(attempts, 10);
  EXPECT_TRUE(log->Write(Entry("models/a")).ok());
  place.reset();
  // What was set aside in advance lasts for a while, then nothing is begun.
  int more = 0;
  absl::Status status;
  for (; more < 2000; ++more) {
    const AuditLog::Place next(*log);
    status = next.status();
    if (!status.ok()) break;
    ASSERT_TRUE(log->Write(Entry("models/b")).ok());
  }
  EXPECT_GT(more, 100);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("Make room on the disk"));
  std::filesystem::remove(disk / "of another");
  EXPECT_TRUE(AuditLog::Place(*log).status().ok());
  EXPECT_EQ(Lines().size(), static_cast<size_t>(attempts + more) + 1);
}

TEST_F(AuditLogTest, AFileThatMayOnlyBeAddedToGoesOnOnceThereIsRoom) {
  const std::filesystem::path disk = folder_.path() / "disk";
  std::filesystem::create_directory(disk);
  const std::string image = (folder_.path() / "image").string();
  // tmpfs has no such flag.
  const std::string make = "truncate -s 4M " + image + " && mke2fs -q -t ext4 -m 0 -O ^has_journal " + image +
                           " && mount -o loop " + image + " " + disk.string() + " 2> /dev/null";
  if (std::system(make.c_str()) != 0) GTEST_SKIP() << "no leave to mount";
  const absl::Cleanup unmounting = [&] { umount2(disk.c_str(), MNT_DETACH); };
  file_ = disk / "audit.log";
  const auto log = Open();
  ASSERT_TRUE(log->Write(Entry("models/a")).ok());
  ASSERT_EQ(std::system(("chattr +a " + file_.string()).c_str()), 0);
  // In ever smaller pieces, to the last block.
  const int another = open((disk / "of another").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  for (size_t piece = 1 << 16; piece >= 1 << 10; piece /= 4) {
    const std::string bytes(piece, 'x');
    while (write(another, bytes.data(), piece) > 0) fsync(another);
  }
  close(another);
  // Into what is left of the last block, and past it.
  int64_t kept = 1;
  for (int i = 0; i < 100; ++i) {
    log->Write(Entry("models/b")).IgnoreError();
    ++kept;
  }
  EXPECT_GT(failed_, 0);
  std::filesystem::remove(disk / "of another");
  EXPECT_TRUE(AuditLog::Place(*log).status().ok());
  EXPECT_EQ(Lines().size(), static_cast<size_t>(kept));
}

TEST_F(AuditLogTest, OneReadableByAllIsNoLonger) {
  Open();
  std::filesystem::permissions(file_, std::filesystem::perms{0644});
  Open();
  EXPECT_EQ(std::filesystem::status(file_).permissions(), std::filesystem::perms{0640});
}

TEST(AuditChain, NoLineIsTooLongOrTwo) {
  AuditLink link;
  AuditEntry entry;
  for (std::string* field :
       {&entry.caller, &entry.peer, &entry.method, &entry.resource, &entry.code, &entry.trace_id, &entry.detail}) {
    *field = std::string(5000, '\n');
  }
  entry.detail = "\xff\"\\\x01";
  const std::string line = AuditLine(entry, link);
  EXPECT_LE(line.size(), static_cast<size_t>(kLongestAuditLine));
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  AuditLink follow;
  EXPECT_TRUE(FollowAuditLine(line.substr(0, line.size() - 1), follow).ok());
  EXPECT_EQ(follow.hash, link.hash);
}

TEST(AuditChain, NamesAloneAreWrittenDown) {
  for (const char* name : {"models/a", "models/a-1/versions/12", "datasets/0", "jobs/261123-221338-nn3e"}) {
    EXPECT_EQ(AuditedName(name), name);
  }
  for (const std::string& text : std::vector<std::string>{
           "", "models", "models/", "models/A", "models/-a", "models/a/versions/", "models/a/b", "people/a",
           "models/a\n", "my secret text", "models/" + std::string(64, 'a'), std::string(1 << 20, 'a')}) {
    EXPECT_EQ(AuditedName(text), "") << text.substr(0, 80);
  }
}

}  // namespace
}  // namespace fintag::server
