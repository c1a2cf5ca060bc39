"""Node.js in one exact version, and PM2, which runs its programs."""
