"""Who acts: policies, mapping, exploration, and the live loop that joins envs and learners."""
