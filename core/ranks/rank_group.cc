#include "core/ranks/rank_group.h"

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/ranks/rank_board.h"

namespace fintag {
namespace {

// A rank may be busy alone that long: rank 0 with a checkpoint on a slow disk, all with a corpus on theirs.
constexpr std::chrono::minutes kSilence(5);
constexpr size_t kBroadcastPiece = size_t{64} << 20;

class GlooGroup : public RankGroup {
 public:
  explicit GlooGroup(std::unique_ptr<RankBoard> board) : board_(std::move(board)) {}

  absl::Status Open() {
    try {
      auto options = c10d::ProcessGroupGloo::Options::create(kSilence);
      const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
      options->devices.push_back(interface != nullptr ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                                                      : c10d::ProcessGroupGloo::createDefaultDevice());
      gloo_ = c10::make_intrusive<c10d::ProcessGroupGloo>(board_->store(), place().rank, place().ranks, options);
    } catch (const std::exception& error) {
      return board_->Explain(error.what());
    }
    return absl::OkStatus();
  }

  const RankPlace& place() const override { return board_->place(); }
  const std::atomic<bool>& stop() const override { return board_->stop(); }

  Waiting StartSum(const at::Tensor& tensor) override {
    return Start([&] {
      std::vector<at::Tensor> tensors = {tensor};
      return gloo_->allreduce(tensors);
    });
  }

  absl::StatusOr<std::vector<std::string>> Gather(const std::string& value) override {
    at::Tensor sizes = at::zeros({place().ranks}, at::kLong);
    sizes[place().rank] = static_cast<int64_t>(value.size());
    if (absl::Status known = Sum(sizes); !known.ok()) return known;
    // As a sum of what is zero elsewhere: texts are short.
    at::Tensor bytes = at::zeros({sizes.sum().item<int64_t>()}, at::kByte);
    const auto* size = sizes.const_data_ptr<int64_t>();
    int64_t begin = 0;
    for (int32_t rank = 0; rank < place().rank; ++rank) begin += size[rank];
    std::memcpy(bytes.mutable_data_ptr<uint8_t>() + begin, value.data(), value.size());
    if (bytes.numel() > 0) {
      if (absl::Status summed = Sum(bytes); !summed.ok()) return summed;
    }
    std::vector<std::string> values;
    const auto* text = reinterpret_cast<const char*>(bytes.const_data_ptr<uint8_t>());
    for (int32_t rank = 0; rank < place().ranks; text += size[rank++]) {
      values.emplace_back(text, static_cast<size_t>(size[rank]));
    }
    return values;
  }

  absl::Status Broadcast(std::string& bytes) override {
    const at::Tensor size = at::full({1}, place().rank == 0 ? static_cast<int64_t>(bytes.size()) : 0, at::kLong);
    if (absl::Status known = Sum(size); !known.ok()) return known;
    bytes.resize(static_cast<size_t>(size.item<int64_t>()));
    for (size_t begin = 0; begin < bytes.size(); begin += kBroadcastPiece) {
      const auto length = static_cast<int64_t>(std::min(kBroadcastPiece, bytes.size() - begin));
      const at::Tensor piece = at::from_blob(bytes.data() + begin, {length}, at::kByte);
      const absl::Status sent = Start([&] {
        std::vector<at::Tensor> tensors = {piece};
        return gloo_->broadcast(tensors);
      })();
      if (!sent.ok()) return sent;
    }
    return absl::OkStatus();
  }

  void Fail(const absl::Status& status) override { board_->Fail(status); }

 private:
  // Starts an operation; what goes wrong then or later is explained by the board.
  template <typename Operation>
  Waiting Start(const Operation& operation) {
    try {
      c10::intrusive_ptr<c10d::Work> work = operation();
      return [this, work] {
        try {
          work->wait();
        } catch (const std::exception& error) {
          return board_->Explain(error.what());
        }
        return absl::OkStatus();
      };
    } catch (const std::exception& error) {
      return [this, what = std::string(error.what())] { return board_->Explain(what); };
    }
  }

  // In this order: the board says goodbye, and closes the store, behind the last operation.
  const std::unique_ptr<RankBoard> board_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RankGroup>> RankGroup::Connect(const RankPlace& place, const std::atomic<bool>& stop,
                                                              std::chrono::seconds patience) {
  // To write to a rank that is gone is an error to explain, not this process's end.
  std::signal(SIGPIPE, SIG_IGN);
  absl::StatusOr<std::unique_ptr<RankBoard>> board = RankBoard::Meet(place, patience, stop);
  if (!board.ok()) return board.status();
  auto group = std::make_unique<GlooGroup>(*std::move(board));
  if (absl::Status opened = group->Open(); !opened.ok()) return opened;
  return group;
}

}  // namespace fintag
