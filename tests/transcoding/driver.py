"""The program transcoding-driver, asked in batches."""
import struct
import subprocess


class Driver:
    def __init__(self, program, descriptor_set):
        self.command = [program, descriptor_set]

    def ask(self, requests):
        """For each (letter, name, input) whether it succeeded, and the result or the error."""
        frames = [letter.encode() + name.encode() + b"\0" + data for letter, name, data in requests]
        packed = b"".join(struct.pack(">I", len(frame)) + frame for frame in frames)
        done = subprocess.run(self.command, input=packed, stdout=subprocess.PIPE, check=True)
        answers, at = [], 0
        while at < len(done.stdout):
            length, = struct.unpack_from(">I", done.stdout, at)
            answer = done.stdout[at + 4:at + 4 + length]
            answers.append((answer[:1] == b"+", answer[1:]))
            at += 4 + length
        assert len(answers) == len(frames), f"{len(answers)} answers to {len(frames)} requests"
        return answers
