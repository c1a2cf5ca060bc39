import { createApp } from 'vue';

import App from './App.vue';
import './style.css';

// A page that was opened before a release asks for parts that only its own release had: take the new page instead.
window.addEventListener('vite:preloadError', () => window.location.reload());

createApp(App).mount('#app');
