#include "core/ranks/rank_board.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <exception>
#include <functional>
#include <optional>
#include <set>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace fintag {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kLook(100);
constexpr seconds kOneTry(2);         // to connect
constexpr seconds kStoreTimeout(30);  // of a single question to the store
constexpr seconds kRollCall(2);       // a rank that has not answered by then is lost
constexpr seconds kFarewell(5);       // rank 0 stays for others that long at most
constexpr size_t kLongestMessage = 4096;

// Keys. A rank's number follows those with a slash.
constexpr char kJoined[] = "joined/";
constexpr char kStop[] = "stop";
constexpr char kFailed[] = "failed/";
constexpr char kCall[] = "call";  // somebody wants to know who is there ...
constexpr char kHere[] = "here/";
constexpr char kVerdict[] = "verdict";  // ... and found this
constexpr char kLeft[] = "left/";

std::string Key(const char* name, int32_t rank) { return absl::StrCat(name, rank); }

std::vector<uint8_t> Bytes(const std::string& text) { return {text.begin(), text.end()}; }

std::vector<uint8_t> BytesOf(const absl::Status& status) {
  const std::string message(status.message());
  return Bytes(absl::StrCat(static_cast<int>(status.code()), "\n", message.substr(0, kLongestMessage)));
}

absl::Status StatusOf(const std::vector<uint8_t>& bytes) {
  const std::string text(bytes.begin(), bytes.end());
  const size_t line = text.find('\n');
  int code = 0;
  if (line == std::string::npos || !absl::SimpleAtoi(text.substr(0, line), &code) || code == 0) {
    return absl::InternalError("a rank failed and left no reason");
  }
  return {static_cast<absl::StatusCode>(code), text.substr(line + 1)};
}

// Asks `condition` until it holds or `deadline` has come.
bool WaitUntil(Clock::time_point deadline, const std::function<bool()>& condition) {
  while (!condition()) {
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kLook);
  }
  return true;
}

// An exception's first line, without LibTorch's list of frames.
std::string FirstLine(const char* what) {
  const std::string text(what);
  return text.substr(0, text.find('\n'));
}

// Where the ranks meet at a loopback address, a socket that listens there alone: the store asks nobody who he is, and
// listens to all networks by itself. None for another address, or where that fails.
std::optional<int> ListenOnLoopback(const std::string& host, uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return std::nullopt;
  if ((ntohl(address.sin_addr.s_addr) >> IN_CLASSA_NSHIFT) != IN_LOOPBACKNET) return std::nullopt;
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return std::nullopt;
  const int yes = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      listen(descriptor, SOMAXCONN) == 0) {
    return descriptor;
  }
  close(descriptor);
  return std::nullopt;
}

absl::StatusOr<c10::intrusive_ptr<c10d::Store>> OpenStore(const RankPlace& place, Clock::time_point deadline,
                                                          const std::atomic<bool>& stop) {
  c10d::TCPStoreOptions options;
  options.port = place.port;
  options.isServer = place.rank == 0 && !place.agent_listens;
  options.waitWorkers = false;
  options.timeout = kOneTry;
  if (options.isServer) options.masterListenFd = ListenOnLoopback(place.host, options.port);
  while (!stop) {
    try {
      auto store = c10::make_intrusive<c10d::TCPStore>(place.host, options);
      store->setTimeout(kStoreTimeout);
      return c10::intrusive_ptr<c10d::Store>(
          c10::make_intrusive<c10d::PrefixStore>(absl::StrCat("fintag/", place.attempt), std::move(store)));
    } catch (const std::exception& error) {
      // Who listens cannot wait for a port; who connects can, for rank 0 to come.
      if (options.isServer || Clock::now() >= deadline) {
        return absl::UnavailableError(absl::StrCat(
            place.Name(), options.isServer ? " cannot listen at port " : " does not reach rank 0 at ",
            options.isServer ? "" : absl::StrCat(place.host, ":"), place.port, ": ", FirstLine(error.what())));
      }
      std::this_thread::sleep_for(kLook);
    }
  }
  return absl::CancelledError("stopped before the ranks had met");
}

// "rank 1", "ranks 1 and 3".
std::string Names(const std::set<int32_t>& ranks) {
  return absl::StrCat(ranks.size() == 1 ? "rank " : "ranks ", absl::StrJoin(ranks, ", "));
}

}  // namespace

absl::StatusOr<std::unique_ptr<RankBoard>> RankBoard::Meet(const RankPlace& place, seconds patience,
                                                           const std::atomic<bool>& stop) {
  const Clock::time_point deadline = Clock::now() + patience;
  absl::StatusOr<c10::intrusive_ptr<c10d::Store>> store = OpenStore(place, deadline, stop);
  if (!store.ok()) return store.status();
  try {
    (*store)->set(Key(kJoined, place.rank), Bytes("1"));
    std::set<int32_t> missing;
    for (int32_t rank = 0; rank < place.ranks; ++rank) missing.insert(rank);
    const bool all = WaitUntil(deadline, [&] {
      std::erase_if(missing, [&](int32_t rank) { return (*store)->check({Key(kJoined, rank)}); });
      return missing.empty() || stop;
    });
    if (stop) return absl::CancelledError("stopped before the ranks had met");
    if (!all) {
      return absl::UnavailableError(
          absl::StrCat(Names(missing), " of ", place.ranks, " did not come within ", patience.count(), " seconds"));
    }
  } catch (const std::exception& error) {
    return absl::UnavailableError(absl::StrCat("rank 0 of ", place.ranks, " was lost: ", FirstLine(error.what())));
  }
  return std::unique_ptr<RankBoard>(new RankBoard(place, *std::move(store), stop));
}

RankBoard::RankBoard(const RankPlace& place, c10::intrusive_ptr<c10d::Store> store, const std::atomic<bool>& stop)
    : place_(place), store_(std::move(store)), stop_(stop), watcher_([this] { Watch(); }) {}

RankBoard::~RankBoard() {
  try {
    if (stop_) store_->set(kStop, Bytes("1"));  // the watcher may not have come to it
    store_->set(Key(kLeft, place_.rank), Bytes("1"));
    if (place_.rank == 0 && !place_.agent_listens) {
      WaitUntil(Clock::now() + kFarewell, [&] {
        for (int32_t rank = 1; rank < place_.ranks; ++rank) {
          // Who did not answer a roll call will not say goodbye.
          if (!Has(Key(kLeft, rank)) && !(Has(kVerdict) && !Has(Key(kHere, rank)))) return false;
        }
        return true;
      });
    }
  } catch (const std::exception&) {
    // Nobody is there to read it.
  }
  leaving_ = true;
  watcher_.join();
}

void RankBoard::Watch() {
  bool stop_told = false;
  bool answered = false;
  while (!leaving_) {
    if (stop_) stop_seen_ = true;
    try {
      if (stop_ && !std::exchange(stop_told, true)) store_->set(kStop, Bytes("1"));
      if (!stop_seen_ && Has(kStop)) stop_seen_ = true;
      if (!answered && Has(kCall)) {
        store_->set(Key(kHere, place_.rank), Bytes("1"));
        answered = true;
      }
    } catch (const std::exception&) {
      return;  // the next operation between the ranks meets it
    }
    std::this_thread::sleep_for(kLook);
  }
}

void RankBoard::Fail(const absl::Status& status) {
  if (failed_.exchange(true)) return;
  try {
    store_->set(Key(kFailed, place_.rank), BytesOf(status));
  } catch (const std::exception&) {
    // Whoever is left hears of it by the closed connections.
  }
}

std::optional<absl::Status> RankBoard::StatusAt(const std::string& key) {
  if (!Has(key)) return std::nullopt;
  return StatusOf(store_->get(key));
}

std::optional<absl::Status> RankBoard::FailureOfAnother() {
  for (int32_t rank = 0; rank < place_.ranks; ++rank) {
    if (rank == place_.rank) continue;
    if (const std::optional<absl::Status> status = StatusAt(Key(kFailed, rank))) {
      return absl::Status(status->code(), absl::StrCat(place_.NameOf(rank), " failed: ", status->message()));
    }
  }
  return std::nullopt;
}

absl::Status RankBoard::CallRoll(const std::string& error) {
  store_->set(kCall, Bytes("1"));
  std::set<int32_t> missing;
  for (int32_t rank = 0; rank < place_.ranks; ++rank) {
    if (rank != place_.rank) missing.insert(rank);
  }
  std::optional<absl::Status> known;
  WaitUntil(Clock::now() + kRollCall, [&] {
    known = StatusAt(kVerdict);
    if (!known) known = FailureOfAnother();
    std::erase_if(missing, [&](int32_t rank) { return Has(Key(kHere, rank)); });
    return known.has_value() || missing.empty();
  });
  if (known) return *known;
  const absl::Status found =
      missing.empty()
          ? absl::UnavailableError(absl::StrCat("the connection between the ranks broke, though all answer: ", error))
          : absl::UnavailableError(absl::StrCat(Names(missing), " of ", place_.ranks, " ",
                                                missing.size() == 1 ? "was" : "were", " lost: ", error));
  // All ranks give the same reason: that of the first who found one.
  return StatusOf(store_->compareSet(kVerdict, {}, BytesOf(found)));
}

absl::Status RankBoard::Explain(const std::string& error) {
  failed_ = true;  // what follows is another's failure
  try {
    if (const std::optional<absl::Status> verdict = StatusAt(kVerdict)) return *verdict;
    if (const std::optional<absl::Status> failure = FailureOfAnother()) return *failure;
    return CallRoll(FirstLine(error.c_str()));
  } catch (const std::exception& store_error) {
    // Only the store of rank 0's process can break so.
    return absl::UnavailableError(
        absl::StrCat(place_.NameOf(0), " was lost: it does not answer (", FirstLine(store_error.what()), ")"));
  }
}

}  // namespace fintag
