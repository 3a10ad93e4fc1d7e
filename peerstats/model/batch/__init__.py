"""Many replicates of one layout fitted at once: what simulation studies and audits run on."""
