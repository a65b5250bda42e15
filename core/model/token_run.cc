#include "core/model/token_run.h"

#include <algorithm>
#include <utility>

namespace fintag {
namespace {

// What a GPU can fetch while the processor goes on: memory that the kernel leaves in place. LibTorch keeps it until the
// transfer is done.
at::Tensor Staging(int64_t count, at::Device device) {
  return at::empty({count}, at::TensorOptions(at::kLong).pinned_memory(device.is_cuda()));
}

int64_t* Fill(int64_t* to, const std::vector<int64_t>& values, int64_t count) {
  int64_t* const end = std::copy(values.begin(), values.end(), to);
  return std::fill_n(end, count - static_cast<int64_t>(values.size()), values.empty() ? 0 : values.front());
}

}  // namespace

TokenRun MakeTokenRun(const PackedBatch& batch, const std::vector<int64_t>& rows, int64_t filled_tokens,
                      int64_t filled_rows, at::Device device) {
  const auto offset_count = static_cast<int64_t>(batch.offsets.size());
  // Offsets once more, as 32 bits, for a GPU's attention.
  const int64_t offset_words = device.is_cpu() ? 0 : (offset_count + 1) / 2;
  const at::Tensor staged = Staging(2 * filled_tokens + filled_rows + offset_words, device);
  int64_t* const ids = staged.mutable_data_ptr<int64_t>();
  int64_t* const positions = Fill(ids, batch.token_ids, filled_tokens);
  for (int64_t s = 0; s < batch.sequences(); ++s) {
    for (int64_t i = batch.offsets[s]; i < batch.offsets[s + 1]; ++i) positions[i] = i - batch.offsets[s];
  }
  std::fill(positions + batch.tokens(), positions + filled_tokens, 0);
  int64_t* const rest = Fill(positions + filled_tokens, rows, filled_rows);
  if (offset_words > 0) std::copy(batch.offsets.begin(), batch.offsets.end(), reinterpret_cast<int32_t*>(rest));

  at::Tensor host_offsets = at::empty({offset_count}, at::kLong);
  std::copy(batch.offsets.begin(), batch.offsets.end(), host_offsets.mutable_data_ptr<int64_t>());
  TokenRun run{.offsets = SequenceOffsets(std::move(host_offsets))};
  const at::Tensor arrived = staged.to(device, /*non_blocking=*/true);
  run.ids = arrived.narrow(0, 0, filled_tokens);
  run.positions = arrived.narrow(0, filled_tokens, filled_tokens);
  run.rows = arrived.narrow(0, 2 * filled_tokens, filled_rows);
  if (offset_words > 0) {
    run.offsets.device =
        arrived.narrow(0, 2 * filled_tokens + filled_rows, offset_words).view(at::kInt).narrow(0, 0, offset_count);
  }
  return run;
}

at::Tensor ToDevice(const std::vector<int64_t>& values, at::Device device) {
  const auto count = static_cast<int64_t>(values.size());
  const at::Tensor staged = Staging(count, device);
  Fill(staged.mutable_data_ptr<int64_t>(), values, count);
  return staged.to(device, /*non_blocking=*/true);
}

}  // namespace fintag
