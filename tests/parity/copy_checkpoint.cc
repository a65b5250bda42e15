// copy_checkpoint FROM TO: reads a checkpoint folder and writes it again, for written_checkpoint_parity.py.
#include <iostream>

#include "core/model/checkpoint_folder.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: copy_checkpoint FROM TO\n";
    return 2;
  }
  const absl::StatusOr<fintag::Checkpoint> checkpoint = fintag::ReadCheckpoint(argv[1]);
  if (!checkpoint.ok()) {
    std::cerr << checkpoint.status().message() << '\n';
    return 1;
  }
  const absl::Status status = fintag::WriteCheckpoint(argv[2], *checkpoint, argv[1], {});
  if (!status.ok()) std::cerr << status.message() << '\n';
  return status.ok() ? 0 : 1;
}
